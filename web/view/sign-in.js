// Where a page needs a token that this tab does not have: what to do, and a form for the server's token.

import * as api from '../net/api.js'
import { signIn, signOut } from '../net/tokens.js'
import { el, setText } from './dom.js'

// onDone is called once the server has taken the token.
export function signInPage({ title, text, onDone }) {
  const input = el('input', { type: 'password', name: 'token', required: true, autocomplete: 'current-password', spellcheck: 'false', autocapitalize: 'none', 'data-testid': 'token' })
  const problem = el('p', { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'sign-in-problem' })
  const button = el('button', { class: 'button primary', type: 'submit', 'data-testid': 'sign-in' }, 'Sign in')
  const say = (sentence) => {
    problem.hidden = !sentence
    setText(problem, sentence)
  }
  const form = el('form', { class: 'sign-in' }, el('label', {}, el('span', {}, 'Token of this server'), input), button, problem)
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    say('')
    button.disabled = true
    try {
      if (!signIn(input.value.trim())) throw new api.ApiError(401)
      await api.listMeetings()
      onDone()
    } catch (error) {
      signOut()
      say(error.status === 401 ? 'This is not the token of this server.' : error.message)
      input.select()
    }
    button.disabled = false
  })
  return el('div', { class: 'only-message', 'data-testid': 'sign-in-page' }, el('h1', {}, title), el('p', {}, text), form)
}
