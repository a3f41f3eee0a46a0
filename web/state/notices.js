// Sentences about what went wrong, each under a key so that it can be replaced or taken back; pure.

/** @typedef {'read along' | 'record' | 'retry' | 'share tab'} NoticeAction  what its button does */
/** @typedef {{ text: string, label?: string, action?: NoticeAction }} Notice */
/** @typedef {ReadonlyMap<string, Notice>} Notices  by key, in order of appearance */

/**
 * A notice that says the same already stays as it is.
 *
 * @param {Notices} notices
 * @param {string} key
 * @param {Notice} notice
 * @returns {Notices}
 */
export function withNotice(notices, key, notice) {
  return notices.get(key)?.text === notice.text ? notices : new Map(notices).set(key, notice)
}

/**
 * @param {Notices} notices
 * @param {string} key
 * @returns {Notices}
 */
export function withoutNotice(notices, key) {
  if (!notices.has(key)) return notices
  const rest = new Map(notices)
  rest.delete(key)
  return rest
}
