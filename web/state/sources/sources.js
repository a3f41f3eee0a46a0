// The sources of a meeting's sound: what each is called, what it does, how loud it is, how far behind its text; pure.

/** @typedef {import('../wire-messages.js').ServerMessage} ServerMessage */
/** @typedef {import('../wire-messages.js').SourceMessage} SourceMessage */
/** @typedef {import('../wire-messages.js').Stats} Stats */

/** @typedef {SourceMessage & { stats: Stats | null }} Source  stats: the newest, null before the first */
/** @typedef {ReadonlyMap<string, Source>} Sources  by id, in the order in which they came */

/** @type {Sources} */
export const NO_SOURCES = new Map()

/**
 * The sources after a message; messages of other types change nothing.
 *
 * @param {Sources} sources
 * @param {ServerMessage} message
 * @returns {Sources}
 */
export function afterMessage(sources, message) {
  switch (message.type) {
    case 'snapshot': {
      const told = message.sources ?? []
      return new Map(told.map((source) => [source.id, withFigures(source, sources)]))
    }
    case 'source':
      return new Map(sources).set(message.id, withFigures(message, sources))
    case 'stats': {
      const source = sources.get(message.source_id ?? '')
      return source ? new Map(sources).set(source.id, { ...source, stats: message }) : sources
    }
    default:
      return sources
  }
}

/** @type {(source: SourceMessage, known: Sources) => Source} */
const withFigures = (source, known) => ({ ...source, stats: known.get(source.id)?.stats ?? null })

/**
 * Those that are heard, waited for, or whose last words are still to come, in the order of their numbers.
 *
 * @param {Sources} sources
 */
export const presentSources = (sources) =>
  [...sources.values()].filter(({ state }) => state !== 'ended').sort((a, b) => a.number - b.number)

/**
 * Those that are heard, or waited for: the meeting goes on while there is one.
 *
 * @param {Sources} sources
 */
export const heardSources = (sources) => presentSources(sources).filter(({ state }) => state !== 'ending')

/**
 * Figures of all that are heard in one: the source that is furthest behind decides.
 *
 * @param {Sources} sources
 * @param {Stats | null} last the newest of any
 * @returns {{ stats: Stats | null, languages: string[] }} languages: codes of what is spoken, as it was detected
 */
export function jointFigures(sources, last) {
  const told = presentSources(sources).flatMap(({ state, stats }) => (state === 'live' && stats ? [stats] : []))
  const figures = told.length || !last ? told : [last]
  const languages = [...new Set(figures.flatMap(({ language }) => language ?? []))]
  if (figures.length < 2 || !last) return { stats: figures[0] ?? null, languages }
  const joint = {
    rtf: Math.max(...figures.map(({ rtf }) => rtf)),
    asr_lag: Math.max(...figures.map(({ asr_lag: lag }) => lag)),
    diarization_lag: Math.max(...figures.map(({ diarization_lag: lag }) => lag)),
  }
  return { stats: { ...last, ...joint }, languages }
}
