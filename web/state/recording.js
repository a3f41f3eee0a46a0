// What this page records: how much of it, how loud, from what; pure.

/** @typedef {{ deviceId: string, label: string }} Device */
/** @typedef {'microphone' | 'sample' | 'tab'} SoundKind  tab: what another tab, or the system, plays */

/**
 * @typedef {object} Recording
 * @property {SoundKind | null} kind what the page shows as its source of sound; null where it only reads
 * @property {boolean} capturing sound is being captured
 * @property {boolean} stopping it was asked to stop
 * @property {number} sampleRate hertz
 * @property {number} samples captured since it began
 * @property {number} before seconds of audio that the meeting had before
 * @property {number} silence seconds without sound
 * @property {readonly number[]} levels heights of the newest frames, 0 to 1
 * @property {boolean | null} muted a microphone here, or what is played aloud; null where that cannot be
 * @property {readonly Device[]} devices microphones to choose from
 * @property {string} deviceId the one that is used
 */

/** @typedef {{ samples: number, level: number, peak: number }} FrameFigures */

const BARS = 24
const FLOOR = -60 // decibels that show as an empty bar
const SOUND = 0.0008 // peak of a frame that is more than the noise of an idle input
const SILENT = 8 // seconds without any sound after which we say so

/** @type {Readonly<Recording>} */
export const NO_RECORDING = Object.freeze({
  kind: null,
  capturing: false,
  stopping: false,
  sampleRate: 1,
  samples: 0,
  before: 0,
  silence: 0,
  levels: new Array(BARS).fill(0),
  muted: null,
  devices: [],
  deviceId: '',
})

/**
 * @param {Recording} recording
 * @param {{ kind: SoundKind, sampleRate: number, muted?: boolean | null }} input
 * @returns {Recording}
 */
export function began(recording, { kind, sampleRate, muted = null }) {
  return { ...recording, kind, sampleRate, muted, capturing: true, stopping: false, samples: 0, silence: 0 }
}

/**
 * @param {Recording} recording
 * @param {FrameFigures} frame
 * @returns {Recording}
 */
export function withFrame(recording, { samples, level, peak }) {
  const heard = peak > SOUND || recording.kind === 'sample' || recording.muted
  return {
    ...recording,
    samples: recording.samples + samples,
    silence: heard ? 0 : recording.silence + samples / recording.sampleRate,
    levels: [...recording.levels.slice(1), height(level)],
  }
}

/** @type {(level: number) => number} */
const height = (level) => heightOf(20 * Math.log10(Math.max(level, 1e-6)))

/**
 * How high a bar shows a level: from 0 to 1.
 *
 * @param {number} decibels below full scale
 */
export const heightOf = (decibels) => Math.max(0, Math.min(1, 1 - decibels / FLOOR))

/**
 * The sound is let go; what is shown of it stays.
 *
 * @param {Recording} recording
 * @returns {Recording}
 */
export function released(recording) {
  return recording.capturing ? { ...recording, before: captured(recording), capturing: false } : recording
}

/**
 * Seconds of audio of the meeting, this page's share included.
 *
 * @param {Recording} recording
 */
export function captured({ before, capturing, samples, sampleRate }) {
  return before + (capturing ? samples / sampleRate : 0)
}

/**
 * Whether nothing was heard for so long that it has to be said.
 *
 * @param {Recording} recording
 */
export const isSilent = ({ silence }) => silence > SILENT
