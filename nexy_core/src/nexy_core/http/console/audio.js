// Plays PCM as it arrives: each chunk is scheduled right after the one before it.
const RATE = 48000;
const LEAD_SECONDS = 0.05;
const PEAK = 32768;

export class Player {
  #volume = null;
  #loud = true;

  constructor(onquiet) {
    this.context = null;
    this.ends = 0;
    this.frames = 0;
    this.sources = new Set();
    this.onquiet = onquiet;
  }

  start() {
    if (!this.context) {
      this.context = new AudioContext({ sampleRate: RATE });
      this.#volume = this.context.createGain();
      this.#volume.connect(this.context.destination);
      this.loud(this.#loud);
    }
    this.context.resume();
  }

  loud(yes) {
    this.#loud = yes;
    if (this.#volume) this.#volume.gain.value = yes ? 1 : 0;
  }

  get now() {
    return this.context?.currentTime ?? 0;
  }

  get sounding() {
    return this.sources.size > 0;
  }

  // Schedules a chunk and tells when it will be heard: [from, to] on this player's clock.
  play(bytes) {
    const samples = new Int16Array(bytes);
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / PEAK), 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#volume);
    const from = Math.max(this.ends, this.now + LEAD_SECONDS);
    source.start(from);
    this.ends = from + buffer.duration;
    this.frames += samples.length;
    this.sources.add(source);
    source.onended = () => {
      this.sources.delete(source);
      if (!this.sounding) this.onquiet();
    };
    return [from, this.ends];
  }

  stop() {
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
    }
    this.sources.clear();
    this.ends = 0;
    this.onquiet();
  }
}
