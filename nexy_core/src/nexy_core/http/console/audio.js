// Plays PCM as it arrives: each chunk is scheduled right after the one before it.
const RATE = 48000;

export class Player {
  constructor() {
    this.context = null;
    this.ends = 0;
    this.frames = 0;
    this.sources = new Set();
  }

  start() {
    this.context ??= new AudioContext({ sampleRate: RATE });
    this.context.resume();
  }

  play(bytes) {
    const samples = new Int16Array(bytes);
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / 32768), 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    this.ends = Math.max(this.ends, this.context.currentTime + 0.05);
    source.start(this.ends);
    this.ends += buffer.duration;
    this.frames += samples.length;
    this.sources.add(source);
    source.onended = () => this.sources.delete(source);
  }

  stop() {
    for (const source of this.sources) source.stop();
    this.sources.clear();
    this.ends = 0;
  }
}
