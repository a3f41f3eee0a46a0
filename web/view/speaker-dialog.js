// The dialog in which a host says who a voice is, who said which line, and what.

import * as api from '../net/api.js'
import { clock, speakerName } from '../state/format.js'
import { resolve } from '../state/transcript.js'
import { el, setText } from './dom.js'

// block: a turn of transcript.js; state(): the newest state; onMessage: takes what the server answers.
export function openSpeakerDialog({ meeting, block, anchor, state, onMessage }) {
  const { speakers } = state()
  const voice = block.speaker
  const saved = speakers.get(voice)?.name ?? ''
  const others = [...speakers.values()].filter(({ merged_into: into }) => !into).map(({ id }) => id)
  const choice = (id) => el('option', { value: id }, speakerName(id, speakers))

  const name = el('input', { type: 'text', maxlength: 200, value: saved, placeholder: voice && speakerName(voice, new Map()), autocomplete: 'off', spellcheck: 'false', 'data-testid': 'speaker-name' })
  const same = el('select', { 'data-testid': 'speaker-same' }, el('option', { value: '' }, 'Nobody else here'), ...others.filter((id) => id !== voice).map(choice))
  const said = el('p', { class: 'speaker-problem', role: 'status', 'data-testid': 'speaker-problem' })
  const save = el('button', { class: 'button primary', type: 'submit', 'data-testid': 'speaker-save' }, 'Save')
  const lines = block.segments.filter(({ final }) => final).map(line)

  function line(segment) {
    const time = clock(segment.start)
    const text = el('textarea', { rows: 2, maxlength: 20_000, 'aria-label': `What was said at ${time}`, 'data-testid': 'line-text' })
    text.value = segment.text
    const who = el('select', { 'aria-label': `Who said it at ${time}`, 'data-testid': 'line-speaker' }, el('option', { value: '' }, 'Speaker ?'), ...others.map(choice))
    who.value = voice ?? ''
    return { segment, text, who, node: el('li', { 'data-line': segment.id }, el('span', { class: 'speaker-time', 'aria-hidden': 'true' }, time), who, text) }
  }

  async function saveVoice() {
    const written = name.value.trim()
    const body = { ...(written === saved ? {} : { name: written || null }), ...(same.value ? { merge_into: same.value } : {}) }
    if (voice === null || Object.keys(body).length === 0) return
    const answer = await api.editSpeaker(meeting, voice, body)
    for (const message of answer.speakers) onMessage(message)
  }

  async function saveLine({ segment, text, who }) {
    const written = text.value.trim().replace(/\s+/g, ' ')
    const body = { ...(who.value === (voice ?? '') ? {} : { speaker: who.value || null }), ...(written && written !== segment.text ? { text: written } : {}) }
    if (Object.keys(body).length === 0) return
    // What was decided about these words holds for them whatever label they got meanwhile.
    const now = state().segments.get(segment.id)
    const rev = now?.text === segment.text ? now.rev : segment.rev
    onMessage(await api.editSegment(meeting, segment.id, { rev, ...body }))
  }

  const form = el(
    'form',
    { class: 'speaker-form' },
    el('h2', { id: 'speaker-title' }, voice === null ? 'Who said this?' : `Who is ${speakerName(voice, speakers)}?`),
    voice === null ? null : el('label', {}, el('span', {}, 'Name'), name),
    voice === null || others.length < 2 ? null : el('label', {}, el('span', {}, 'Same person as'), same),
    lines.length === 0 ? null : el('h3', {}, lines.length === 1 ? 'This line' : 'These lines'),
    el('ul', { class: 'speaker-lines', hidden: lines.length === 0 }, ...lines.map(({ node }) => node)),
    said,
    el('div', { class: 'dialog-actions' }, el('button', { class: 'button', type: 'button', 'data-testid': 'speaker-cancel', onclick: () => dialog.close() }, 'Cancel'), save),
  )
  const dialog = el('dialog', { class: 'dialog speaker-dialog', 'aria-labelledby': 'speaker-title', 'data-testid': 'speaker-dialog' }, form)
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    save.disabled = true
    try {
      for (const one of lines) await saveLine(one)
      await saveVoice()
      dialog.close()
    } catch (error) {
      setText(said, `Not saved. ${error.message}`)
    }
    save.disabled = false
  })
  dialog.addEventListener('close', () => {
    dialog.remove()
    if (anchor.isConnected) anchor.focus()
  })
  document.body.append(dialog)
  dialog.showModal()
  place(dialog, anchor)
  if (voice !== null) name.select()
}

// Beside the name where there is room, else where dialogs stand.
function place(dialog, anchor) {
  if (window.innerWidth < 640) return
  const { left, bottom } = anchor.getBoundingClientRect()
  const { width, height } = dialog.getBoundingClientRect()
  dialog.style.margin = '0'
  dialog.style.left = `${Math.max(16, Math.min(left, window.innerWidth - width - 16))}px`
  dialog.style.top = `${Math.max(16, Math.min(bottom + 8, window.innerHeight - height - 16))}px`
}
