"""``nexy serve``."""

import click

from nexy_core.settings import LiveSettings


@click.command()
def serve() -> int:
    """Start the server and run until Ctrl-C or SIGTERM.

    Settings come from settings/settings.toml, config.env and the environment: see `nexy config show`.
    """
    from nexy_core.config import Config
    from nexy_core.decisions import Decision, DecisionLog, takeover

    config = Config.load()
    log = DecisionLog.open(config.live, console=True)
    log.write(Decision.START, scope="server", env=config.live.current.env, step="loading the plugins")
    log.say("Nexy Server is starting: loading the plugins, the model and the voice …")
    from nexy_core.server import Listening, run  # most of a second: after the line that says what is going on

    def announce(listening: Listening) -> None:
        log.write(
            Decision.LISTEN,
            scope="server",
            grpc=listening.grpc,
            http=listening.http,
            env=config.live.current.env,
        )
        log.say(f"Listening: gRPC on {listening.grpc}, HTTP on http://{listening.http}/status")
        log.say('Try, in another terminal:  uv run nexy ask "What is the capital of France?"')
        if demonstration(config.live):
            log.say("The embedded model is a demonstration. Better: NEXY_LLM__MODEL=… NEXY_LLM__API_KEY=…")

    with takeover(log):
        return run(config, log, announce)


def demonstration(settings: LiveSettings) -> bool:
    """Whether answers come from the embedded model."""
    return bool(settings.current.values.get("llm.model") == "embedded")
