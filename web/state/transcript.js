// Messages in, transcript out: pure, no page, no socket, no clock.
//
// A transcript is never changed, only replaced; segments that stay the same stay the same object, so that the view can
// skip them by identity.

/** @typedef {import('./wire-messages.js').Gap} Gap */
/** @typedef {import('./wire-messages.js').Models} Models */
/** @typedef {import('./wire-messages.js').Segment} Segment */
/** @typedef {import('./wire-messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./wire-messages.js').Speaker} Speaker */

/** @typedef {ReadonlyMap<string, Segment>} Segments  by id */
/** @typedef {ReadonlyMap<string, Speaker>} Speakers  by id */

/**
 * What the messages of a meeting add up to.
 *
 * @typedef {object} Transcript
 * @property {import('./wire-messages.js').Phase} phase
 * @property {string} title
 * @property {number} audio seconds of audio the server had at the last snapshot
 * @property {Models} models
 * @property {Segments} segments a withdrawn one stays with empty text, so that a late message cannot revive it
 * @property {Segments} stale shown before the last snapshot, and not come again yet
 * @property {number} left earlier lines that are still to come
 * @property {Speakers} speakers
 * @property {readonly Gap[]} gaps
 * @property {import('./wire-messages.js').Stats | null} stats
 * @property {number | null} count segments stored, once ended
 */

/** @type {Readonly<Transcript>} */
export const EMPTY_TRANSCRIPT = Object.freeze({
  phase: 'connecting',
  title: '',
  audio: 0,
  models: {},
  segments: new Map(),
  stale: new Map(),
  left: 0,
  speakers: new Map(),
  gaps: [],
  stats: null,
  count: null,
})

/**
 * The transcript after a message; messages of other types change nothing.
 *
 * @param {Transcript} transcript
 * @param {ServerMessage} message
 * @returns {Transcript}
 */
export function reduce(transcript, message) {
  switch (message.type) {
    case 'snapshot':
      return afterSnapshot(transcript, message)
    case 'earlier':
      return afterEarlier(transcript, message)
    case 'session':
      return { ...transcript, models: known(message.models, transcript.models) }
    case 'state':
      return { ...transcript, phase: message.state, title: message.title ?? transcript.title }
    case 'ended':
      return { ...transcript, phase: 'ended', count: message.segments }
    case 'stats':
      return { ...transcript, stats: message }
    case 'segment':
      return afterSegment(transcript, message)
    case 'speaker':
      return { ...transcript, speakers: new Map(transcript.speakers).set(message.id, message) }
    case 'speaker_revision':
      return afterRevision(transcript, message)
    case 'gap':
      return afterGap(transcript, message)
    default:
      return transcript
  }
}

/**
 * @param {Transcript} transcript
 * @param {import('./wire-messages.js').Snapshot} snapshot
 * @returns {Transcript}
 */
function afterSnapshot(transcript, { segments, speakers, state: phase, title, audio, models, gaps = [], earlier = 0 }) {
  return {
    ...transcript,
    phase,
    title: title ?? transcript.title,
    audio: audio ?? 0,
    models: known(models, transcript.models),
    segments: new Map(segments.map((segment) => [segment.id, keep(before(transcript, segment.id), segment)])),
    stale: earlier ? stillStale([...transcript.stale, ...transcript.segments], segments) : EMPTY_TRANSCRIPT.stale,
    left: earlier,
    speakers: new Map(speakers.map((speaker) => [speaker.id, speaker])),
    gaps: gaps.map((gap) => transcript.gaps.find((shown) => sameGap(shown, gap)) ?? gap),
  }
}

/**
 * @param {Transcript} transcript
 * @param {import('./wire-messages.js').Earlier} message
 * @returns {Transcript}
 */
function afterEarlier(transcript, { segments: lines, left }) {
  const segments = new Map(transcript.segments)
  for (const line of lines) {
    const shown = segments.get(line.id)
    if (!shown || line.rev > shown.rev) segments.set(line.id, keep(before(transcript, line.id), line))
  }
  return { ...transcript, segments, stale: left ? stillStale(transcript.stale, lines) : EMPTY_TRANSCRIPT.stale, left }
}

/**
 * @param {Transcript} transcript
 * @param {Segment} segment
 * @returns {Transcript}
 */
function afterSegment(transcript, segment) {
  const shown = transcript.segments.get(segment.id)
  if (shown && segment.rev <= shown.rev) return transcript
  return {
    ...transcript,
    segments: new Map(transcript.segments).set(segment.id, segment),
    stale: without(transcript.stale, segment.id),
  }
}

/**
 * @param {Transcript} transcript
 * @param {import('./wire-messages.js').SpeakerRevision} revision
 * @returns {Transcript}
 */
function afterRevision(transcript, { changes }) {
  const segments = new Map(transcript.segments)
  for (const { id, rev, to } of changes) {
    const shown = segments.get(id)
    if (shown && rev > shown.rev) segments.set(id, { ...shown, rev, speaker: to })
  }
  return { ...transcript, segments }
}

/**
 * A gap with the start of one of its source that is known has grown.
 *
 * @param {Transcript} transcript
 * @param {Gap} gap
 * @returns {Transcript}
 */
function afterGap(transcript, gap) {
  const at = transcript.gaps.findIndex((shown) => shown.start === gap.start && shown.source_id === gap.source_id)
  if (at < 0) return { ...transcript, gaps: [...transcript.gaps, gap] }
  if (sameGap(transcript.gaps[at], gap)) return transcript
  return { ...transcript, gaps: transcript.gaps.map((shown, i) => (i === at ? gap : shown)) }
}

/**
 * The models as they were while the server does not tell.
 *
 * @param {Models | undefined} models
 * @param {Models} shown
 */
const known = (models, shown) => (models && Object.keys(models).length ? models : shown)

/** @type {(gap: Gap, other: Gap) => boolean} */
const sameGap = (gap, other) =>
  ['start', 'end', 'reason', 'source_id'].every((name) => Reflect.get(gap, name) === Reflect.get(other, name))

/** @type {(transcript: Transcript, id: string) => Segment | undefined} */
const before = (transcript, id) => transcript.segments.get(id) ?? transcript.stale.get(id)

/**
 * Of lines that were shown before, those that may still come: none of these, and not later than the first of them.
 *
 * @param {Iterable<readonly [string, Segment]>} shown
 * @param {readonly Segment[]} lines
 * @returns {Segments}
 */
function stillStale(shown, lines) {
  const told = new Set(lines.map(({ id }) => id))
  const first = Math.min(...lines.map(({ start }) => start))
  return new Map([...shown].filter(([id, { start, text }]) => text !== '' && start <= first && !told.has(id)))
}

/**
 * @param {Segments} lines
 * @param {string} id
 * @returns {Segments}
 */
function without(lines, id) {
  if (!lines.has(id)) return lines
  const rest = new Map(lines)
  rest.delete(id)
  return rest
}

/**
 * The object that is known already where nothing has changed: after a restart the same revision may hold other words.
 *
 * @param {Segment | undefined} shown
 * @param {Segment} told
 * @returns {Segment}
 */
function keep(shown, told) {
  if (!shown || shown.rev !== told.rev) return told
  return shown.speaker === told.speaker && shown.text === told.text ? shown : told
}
