"""A voice for Nexy Server through eSpeak NG."""
