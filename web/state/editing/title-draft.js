// The title of a meeting as somebody writes it, while others may give it another one; pure.

/**
 * @typedef {object} TitleDraft
 * @property {string} base the title that was read before writing; empty until it is known
 * @property {string | null} theirs what somebody else has called the meeting meanwhile
 * @property {readonly string[]} sent own titles that the server has not answered yet, the newest last
 */

/** @type {Readonly<TitleDraft>} */
export const NO_TITLE_DRAFT = Object.freeze({ base: '', theirs: null, sent: [] })

/**
 * Whether what is written is neither the title that was read nor on its way to the server.
 *
 * @param {TitleDraft} draft
 * @param {string} written
 */
export const isTouched = ({ base, sent }, written) => written.trim() !== base && !sent.includes(written.trim())

/**
 * The draft after a look at the title. What nobody has touched follows, and one's own title is nobody's objection.
 *
 * @param {TitleDraft} draft
 * @param {string} title as it is now
 * @param {string} written
 * @returns {TitleDraft}
 */
export function titleSeen(draft, title, written) {
  const { base, theirs, sent } = draft
  if (title === (theirs ?? base)) return draft
  const own = sent.indexOf(title)
  if (own >= 0) return { base: title, theirs: null, sent: sent.slice(own + 1) }
  if (sent.includes(written.trim())) return draft // what becomes of it is not known yet
  if (!base || title === base || title === written.trim() || !isTouched(draft, written)) {
    return { base: title, theirs: null, sent }
  }
  return { ...draft, theirs: title }
}

/**
 * An own title is sent.
 *
 * @param {TitleDraft} draft
 * @param {string} title
 * @returns {TitleDraft}
 */
export const titleSent = (draft, title) => ({ ...draft, sent: [...draft.sent, title] })

/**
 * The server has answered, and told of its answer; one that it took is what was read before anything newer.
 *
 * @param {TitleDraft} draft
 * @param {string} title
 * @param {boolean} taken
 * @returns {TitleDraft}
 */
export function titleAnswered(draft, title, taken) {
  if (!draft.sent.includes(title)) return draft // it was told of before
  const sent = draft.sent.filter((one) => one !== title)
  return taken ? { ...draft, base: title, sent } : { ...draft, sent }
}

/**
 * The title as it is now was read, and may be replaced.
 *
 * @param {TitleDraft} draft
 * @returns {TitleDraft}
 */
export const titleAgreed = ({ base, theirs, sent }) => ({ base: theirs ?? base, theirs: null, sent })
