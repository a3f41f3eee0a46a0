// Names and terms that are likely to be said, as people write them into a field; pure.

const MOST = 200
const LONGEST = 100 // characters of one

/**
 * The terms of a text, each once, in order: commas, semicolons and ends of lines stand between them.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function termsOf(text) {
  const terms = text.split(/[,;\n]/).map((term) => term.trim().replace(/\s+/g, ' '))
  return [...new Set(terms.filter(Boolean))]
}

/**
 * What is wrong with some terms, for the reader; nothing where the server takes them.
 *
 * @param {readonly string[]} terms
 */
export function termsProblem(terms) {
  if (terms.length > MOST) return `There may be at most ${MOST} names and terms; these are ${terms.length}.`
  const long = terms.find((term) => [...term].length > LONGEST)
  return long ? `“${[...long].slice(0, 20).join('')}…” is too long: a term has at most ${LONGEST} characters.` : ''
}

/**
 * Terms as they stand in a field.
 *
 * @param {readonly string[]} terms
 */
export const termsText = (terms) => terms.join('\n')

/**
 * How many there are, in words.
 *
 * @param {number} count
 */
export const termsCount = (count) => (count === 1 ? '1 term' : `${count || 'No'} terms`)
