// Names and terms that are likely to be said, as people write them into a field; pure.

import { t } from '../texts/texts.js'

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
  if (terms.length > MOST) return t('terms.too-many', { most: MOST, count: terms.length })
  const long = terms.find((term) => [...term].length > LONGEST)
  return long ? t('terms.too-long', { term: [...long].slice(0, 20).join(''), most: LONGEST }) : ''
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
export const termsCount = (count) => (count ? t('terms.count', { count }) : t('terms.count.none'))
