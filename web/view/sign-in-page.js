// Where a page needs a token that this tab does not have: what to do, and a form for the server's token.

import { t } from '../texts/texts.js'
import { el, setText } from './dom.js'
import { messagePage } from './message-page.js'

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.text
 * @param {(token: string) => Promise<string>} options.signIn resolves to what is wrong with the token, to nothing
 *   where the server takes it
 * @param {() => void} options.onDone is called once the server has taken it
 */
export function signInPage({ title, text, signIn, onDone }) {
  const input = el('input', {
    type: 'password',
    name: 'token',
    required: true,
    autocomplete: 'current-password',
    spellcheck: 'false',
    autocapitalize: 'none',
    'data-testid': 'token',
  })
  const problem = el('p', { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'sign-in-problem' })
  const button = el(
    'button',
    { class: 'button primary', type: 'submit', 'data-testid': 'sign-in' },
    t('sign-in.button'),
  )
  const label = el('label', {}, el('span', {}, t('sign-in.token')), input)
  const form = el('form', { class: 'sign-in' }, label, button, problem)
  /** @param {string} sentence */
  const say = (sentence) => {
    problem.hidden = !sentence
    setText(problem, sentence)
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    say('')
    button.disabled = true
    const wrong = await signIn(input.value.trim())
    if (wrong) {
      say(wrong)
      input.select()
    } else {
      onDone()
    }
    button.disabled = false
  })
  return messagePage({ title, text, testid: 'sign-in-page', way: form })
}
