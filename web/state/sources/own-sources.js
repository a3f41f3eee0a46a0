// What becomes of the sources that this page sends: its microphone, or the sample, and the sound of a tab; pure.

import { t } from '../../texts/texts.js'
import { withNotice, withoutNotice } from '../notices.js'
import { released } from '../recording.js'

/** @typedef {import('../page-state.js').PageState} PageState */
/** @typedef {import('../page-state.js').Problem} Problem */
/** @typedef {'microphone' | 'tab'} OwnKind  the sample goes as a microphone */
/** @typedef {Readonly<Record<OwnKind, string | null>>} OwnSources  ids; null where none is sent */

/** @type {readonly OwnKind[]} */
const KINDS = ['microphone', 'tab']

/** @type {OwnSources} */
export const NO_OWN_SOURCES = Object.freeze({ microphone: null, tab: null })

/**
 * A source of this page has an id now, or none any more.
 *
 * @param {PageState} state
 * @param {OwnKind} kind
 * @param {string | null} id
 * @returns {PageState}
 */
export const ownSource = (state, kind, id) => ({ ...state, own: { ...state.own, [kind]: id } })

/**
 * The server has told of sources, perhaps of this page's.
 *
 * @param {PageState} state
 * @returns {PageState}
 */
export function followOwn(state) {
  return KINDS.reduce((next, kind) => {
    const source = next.sources.get(next.own[kind] ?? '')
    if (!source) return next
    const stopping = kind === 'microphone' ? next.recording.stopping : next.sharing === 'stopping'
    const over = source.state === 'ended' || (source.state === 'ending' && !stopping)
    return over ? ownEnded(next, kind) : toldMuted(next, kind, source.muted)
  }, state)
}

/**
 * @param {PageState} state
 * @param {OwnKind} kind
 * @param {boolean} muted
 * @returns {PageState}
 */
function toldMuted(state, kind, muted) {
  const key = `muted ${kind}`
  const { notices } = state
  const told = muted ? withNotice(notices, key, { text: t(`source.muted.${kind}`) }) : withoutNotice(notices, key)
  return told === notices ? state : { ...state, notices: told }
}

/**
 * The meeting goes on without a source of this page.
 *
 * @param {PageState} before
 * @param {OwnKind} kind
 * @returns {PageState}
 */
export function ownEnded(before, kind) {
  const { recording, sharing } = before
  const wanted = kind === 'microphone' ? recording.stopping : sharing !== 'on'
  const state = ownSource(kind === 'microphone' ? withoutMicrophone(before) : { ...before, sharing: 'off' }, kind, null)
  const notices = withoutNotice(state.notices, `muted ${kind}`)
  if (wanted) return { ...state, notices }
  return { ...state, notices: withNotice(notices, `source ${kind}`, { text: t(`source.over.${kind}`) }) }
}

/**
 * @param {PageState} state
 * @returns {PageState}
 */
function withoutMicrophone(state) {
  const recording = { ...released(state.recording), kind: null, stopping: false }
  const notices = withoutNotice(withoutNotice(state.notices, 'quiet'), 'sound')
  return { ...state, recording, notices, role: 'viewer', resumable: false }
}

/**
 * What to say of a source that was refused where its page can read along all the same; null where it cannot.
 *
 * @param {Pick<PageState, 'recording' | 'role' | 'transcript'>} state
 * @param {Problem} problem
 * @returns {string | null} empty where there is nothing to say
 */
export function readsOn({ recording, role, transcript }, { code, close }) {
  if (code === 'removed') return t('source.removed.microphone')
  if (role !== 'source' || transcript.phase !== 'live') return null
  // It has ended while its connection was lost: after it was stopped here, or because it was away for too long.
  if (close === 4401) return recording.stopping ? '' : t('source.over.microphone')
  return code === 'too_many' && close === 4429 ? t('source.full') : null
}

/**
 * Why the sound of a tab is not sent.
 *
 * @param {Problem} problem
 */
export function tabProblemText({ code, close }) {
  if (code === 'removed') return t('source.removed.tab')
  return t(close === 4429 ? 'source.full' : 'source.over.tab')
}
