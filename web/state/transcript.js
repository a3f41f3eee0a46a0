// Messages in, state out, turns to show: pure, no page, no socket, no clock.
//
// A state is never changed, only replaced; segments and turns that stay the same stay the same object, so that
// the view can skip them by identity.

const PAUSE = 3 // seconds of silence after which the same voice starts a new turn
const LONGEST = 120 // seconds after which a monologue gets a new time mark

export const EMPTY = Object.freeze({
  phase: 'connecting', // then open, live, ending or ended
  title: '',
  audio: 0, // seconds of audio the server had at the last snapshot
  models: {},
  segments: new Map(), // by id; a withdrawn one stays with empty text, so that a late message cannot revive it
  stale: new Map(), // by id; shown before the last snapshot, and not come again yet
  left: 0, // earlier lines that are still to come
  speakers: new Map(), // by id
  gaps: [],
  stats: null,
  count: null, // segments stored, once ended
})

export function reduce(state, message) {
  return Object.hasOwn(STEPS, message.type) ? STEPS[message.type](state, message) : state
}

const STEPS = {
  snapshot: (state, { segments, speakers, state: phase, title, audio, models, gaps, earlier = 0 }) => ({
    ...state,
    phase,
    title: title ?? state.title,
    audio: audio ?? 0,
    models: filled(models, state.models),
    segments: new Map(segments.map((segment) => [segment.id, keep(before(state, segment.id), segment)])),
    stale: earlier ? stale([...state.stale, ...state.segments], segments) : EMPTY.stale,
    left: earlier,
    speakers: new Map(speakers.map((speaker) => [speaker.id, speaker])),
    gaps: (gaps ?? []).map((gap) => state.gaps.find((known) => equal(known, gap)) ?? gap),
  }),
  earlier: (state, { segments: lines, left }) => {
    const segments = new Map(state.segments)
    for (const line of lines) {
      const known = segments.get(line.id)
      if (!known || line.rev > known.rev) segments.set(line.id, keep(before(state, line.id), line))
    }
    return { ...state, segments, stale: left ? stale(state.stale, lines) : EMPTY.stale, left }
  },
  session: (state, { models }) => ({ ...state, models: filled(models, state.models) }),
  state: (state, { state: phase, title }) => ({ ...state, phase, title: title ?? state.title }),
  ended: (state, { segments }) => ({ ...state, phase: 'ended', count: segments }),
  stats: (state, stats) => ({ ...state, stats }),
  segment: (state, segment) => {
    const known = state.segments.get(segment.id)
    if (known && segment.rev <= known.rev) return state
    return { ...state, segments: new Map(state.segments).set(segment.id, segment), stale: without(state.stale, segment.id) }
  },
  speaker: (state, speaker) => ({ ...state, speakers: new Map(state.speakers).set(speaker.id, speaker) }),
  speaker_revision: (state, { changes }) => {
    const segments = new Map(state.segments)
    for (const { id, rev, to } of changes) {
      const known = segments.get(id)
      if (known && rev > known.rev) segments.set(id, { ...known, rev, speaker: to })
    }
    return { ...state, segments }
  },
  gap: (state, gap) => {
    const at = state.gaps.findIndex((known) => known.start === gap.start)
    if (at < 0) return { ...state, gaps: [...state.gaps, gap] }
    return equal(state.gaps[at], gap) ? state : { ...state, gaps: state.gaps.map((known, i) => (i === at ? gap : known)) } // it has grown
  },
}

const filled = (models, before) => (models && Object.keys(models).length ? models : before)
const equal = (gap, other) => gap.start === other.start && gap.end === other.end && gap.reason === other.reason
const before = (state, id) => state.segments.get(id) ?? state.stale.get(id)

// Of lines that were shown before, those that may still come: none of these, and not later than the first of them.
function stale(shown, lines) {
  const told = new Set(lines.map(({ id }) => id))
  const first = Math.min(...lines.map(({ start }) => start))
  return new Map([...shown].filter(([id, { start, text }]) => text !== '' && start <= first && !told.has(id)))
}

function without(lines, id) {
  if (!lines.has(id)) return lines
  const rest = new Map(lines)
  rest.delete(id)
  return rest
}

// After a restart of the server the same revision may hold other words.
const keep = (before, after) => (before && before.rev === after.rev && before.speaker === after.speaker && before.text === after.text ? before : after)

// Who a speaker turned out to be; a loop of merges, which no server should send, ends where it began.
export function resolve(id, speakers) {
  const seen = new Set()
  while (id !== null && !seen.has(id)) {
    seen.add(id)
    const into = speakers.get(id)?.merged_into
    if (!into) return id
    id = into
  }
  return id
}

// What to show, in order of time: {kind: "turn", key, speaker, start, end, segments} and {kind: "gap", key, start, end, reason}.
export function blocks(state, before = []) {
  const known = new Map(before.map((block) => [block.key, block]))
  const shown = []
  let turn = null
  for (const item of timeline(state)) {
    if (item.type === 'gap') {
      turn = null
      shown.push({ kind: 'gap', key: `gap ${item.start}`, ...item })
      continue
    }
    const speaker = resolve(item.speaker, state.speakers)
    if (!turn || !continues(turn, speaker, item)) {
      turn = { kind: 'turn', key: item.id, speaker, start: item.start, end: item.end, segments: [] }
      shown.push(turn)
    }
    turn.segments.push(item)
    turn.end = Math.max(turn.end, item.end)
  }
  return shown.map((block) => (same(known.get(block.key), block) ? known.get(block.key) : block))
}

function timeline(state) {
  const said = [...state.segments.values(), ...state.stale.values()].filter((segment) => segment.text !== '')
  return [...said, ...state.gaps].sort((a, b) => a.start - b.start || a.end - b.end || natural(a.id, b.id))
}

const natural = (a = '', b = '') => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)

function continues(turn, speaker, segment) {
  return turn.speaker === speaker && segment.start - turn.end <= PAUSE && segment.end - turn.start <= LONGEST
}

function same(a, b) {
  if (!a || a.kind !== b.kind || a.speaker !== b.speaker || a.start !== b.start || a.end !== b.end) return false
  if (a.kind === 'gap') return a.reason === b.reason
  return a.segments.length === b.segments.length && a.segments.every((segment, i) => segment === b.segments[i])
}

// The voices that said something, in the order of their first words, with the seconds that each spoke.
export function voices(shown) {
  const seconds = new Map()
  for (const { kind, speaker, segments } of shown) {
    if (kind !== 'turn' || speaker === null) continue
    const spoken = segments.reduce((sum, { start, end }) => sum + (end - start), 0)
    seconds.set(speaker, (seconds.get(speaker) ?? 0) + spoken)
  }
  return seconds
}

// The text in two parts: whole words that will not be taken back, and what still may be.
export function split({ text, final, stable_chars: stable }) {
  if (final) return [text, '']
  const letters = [...text] // the server counts characters, JavaScript counts UTF-16 units
  while (stable > 0 && stable < letters.length && letters[stable - 1] !== ' ' && letters[stable] !== ' ') stable -= 1
  return [letters.slice(0, stable).join(''), letters.slice(stable).join('')]
}
