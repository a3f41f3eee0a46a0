// What the audio thread has, and TypeScript's library of a page has not. Nothing of this is run.

declare const sampleRate: number
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void
declare class AudioWorkletProcessor {
  readonly port: MessagePort
}
