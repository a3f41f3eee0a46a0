// Partial results: which part of a line may still change; pure.

/**
 * The text in two parts: whole words that will not be taken back, and what still may be.
 *
 * @param {{ text: string, final: boolean, stable_chars: number }} segment
 * @returns {[stable: string, partial: string]}
 */
export function splitPartial({ text, final, stable_chars: stable }) {
  if (final) return [text, '']
  const letters = [...text] // the server counts characters, JavaScript counts UTF-16 units
  while (stable > 0 && stable < letters.length && letters[stable - 1] !== ' ' && letters[stable] !== ' ') stable -= 1
  return [letters.slice(0, stable).join(''), letters.slice(stable).join('')]
}
