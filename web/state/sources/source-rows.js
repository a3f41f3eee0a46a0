// The sources of a meeting's sound as they are listed, and what can be done about each; pure.

import { number, t } from '../../texts/texts.js'
import { allows } from '../permissions.js'
import { heightOf } from '../recording.js'
import { heardSources, presentSources } from './sources.js'

/** @typedef {import('../page-state.js').PageState} PageState */
/** @typedef {import('./sources.js').Source} Source */

/**
 * @typedef {object} SourceRow
 * @property {string} id
 * @property {string} name
 * @property {string} kind whether one person is heard or several, for the reader
 * @property {boolean} own it comes from this page
 * @property {'live' | 'away' | 'ending' | 'muted'} look
 * @property {string} state what it does, for the reader
 * @property {number | null} level from 0 to 1; null where nothing is known
 * @property {string} lag how far behind its text is; empty where that is not known
 * @property {boolean} muted
 * @property {boolean} governed whether it can be muted and removed from here
 */

/**
 * @param {PageState} state
 * @returns {SourceRow[]}
 */
export const sourceRows = ({ sources, own, permission }) =>
  presentSources(sources).map((source) => {
    const { id, muted, state, stats } = source
    const look = state === 'away' || state === 'ending' ? state : muted ? 'muted' : 'live'
    const live = look === 'live' && stats !== null
    return {
      id,
      name: sourceName(source),
      kind: t(`sources.kind.${source.kind === 'solo' ? 'solo' : 'room'}`),
      own: id === own.microphone || id === own.tab,
      look,
      state: t(`sources.${look}`),
      level: live ? heightOf(stats.level ?? -Infinity) : null,
      lag: live ? t('lag.text', { seconds: number(Math.max(stats.asr_lag, stats.diarization_lag), 1) }) : '',
      muted,
      governed: look !== 'ending' && allows(permission, 'host'),
    }
  })

/**
 * What a source is called.
 *
 * @param {Pick<Source, 'name' | 'number'>} source
 */
export const sourceName = ({ name, number }) => name || t('sources.unnamed', { number })

/**
 * The names of the sources by their ids, where there are several: only then does it help to tell them apart.
 *
 * @param {import('./sources.js').Sources} sources
 * @returns {Map<string, string>}
 */
export const sourceNames = (sources) =>
  new Map(sources.size > 1 ? [...sources.values()].map((source) => [source.id, sourceName(source)]) : [])

/**
 * Whether anything is heard, or waited for, beside this page's microphone.
 *
 * @param {Pick<PageState, 'own' | 'sources'>} state
 */
export const othersHeard = ({ own, sources }) => heardSources(sources).some(({ id }) => id !== own.microphone)

/**
 * Whether the meeting goes on when this page is left.
 *
 * @param {Pick<PageState, 'own' | 'sources'>} state
 */
export const goesOnWithout = ({ own, sources }) =>
  heardSources(sources).some(({ id }) => id !== own.microphone && id !== own.tab)

/**
 * The button that shows the list; null where there is none to show, or nothing but this page's microphone.
 *
 * @param {PageState} state
 * @returns {{ label: string, count: number, open: boolean } | null}
 */
export function sourcesButton(state) {
  const { phase } = state.transcript
  if (!othersHeard(state) || (phase !== 'live' && phase !== 'ending')) return null
  const count = heardSources(state.sources).length
  return { label: t('sources.count', { count }), count, open: state.listing }
}

/**
 * The button that shares the sound of a tab, or stops that; null where neither is possible.
 *
 * @param {PageState} state
 * @returns {{ label: string, disabled: boolean, on: boolean } | null}
 */
export function tabButton({ connection, permission, sharing, transcript }) {
  const on = sharing === 'on' || sharing === 'stopping'
  const possible = allows(permission, 'speak') && ['open', 'live'].includes(transcript.phase)
  if (!on && !(possible && connection.state === 'live')) return null
  return { label: t(on ? 'join.tab.stop' : 'join.tab'), disabled: sharing === 'opening' || sharing === 'stopping', on }
}
