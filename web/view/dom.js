// Builds elements; text goes in as text only, so nothing a voice or a stranger says can become markup.

import { parts } from '../texts/texts.js'

/**
 * el('button', {class: 'quiet', 'data-testid': 'stop', onclick: stop}, 'Stop')
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes] those that are null, undefined or false are left out; `on…` listens
 * @param {...(Node | string | null | undefined)} children those that are null or undefined are left out
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value))
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  for (const child of children) {
    if (typeof child === 'string') element.append(...textNodes(child))
    else if (child) element.append(child)
  }
  return element
}

/**
 * Writing only what changed spares the layout and, for live regions, the listener's patience.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.replaceChildren(...textNodes(text))
}

/**
 * A text as it goes into an element; what is in another language than the page stands in an element that says so.
 *
 * @param {string} text
 */
const textNodes = (text) =>
  parts(text).map(({ text: part, lang }) => {
    if (!lang) return document.createTextNode(part)
    const span = document.createElement('span')
    span.lang = lang
    span.append(part)
    return span
  })

/**
 * Sets properties; those that are so already are not written, which would have the browser look at their styles again.
 *
 * @template {Element} Target
 * @param {Target} element
 * @param {Partial<Target>} properties
 */
export function set(element, properties) {
  for (const name of /** @type {(keyof Target)[]} */ (Object.keys(properties))) {
    const value = properties[name]
    if (value !== undefined && element[name] !== value) element[name] = value
  }
}

/**
 * Whether all fields of two values are the same: then there is nothing to draw.
 *
 * @param {object} a
 * @param {object | null} b
 */
export function sameFields(a, b) {
  return b !== null && Object.entries(a).every(([name, value]) => Object.is(value, Reflect.get(b, name)))
}

/**
 * Draws, and gives the focus back to what had it in there: a node that moves to another place of the page loses it.
 *
 * @template Result
 * @param {Element} root
 * @param {() => Result} draw
 * @returns {Result}
 */
export function keepingFocus(root, draw) {
  const focused = document.activeElement
  const result = draw()
  const moved = focused instanceof HTMLElement && focused !== document.activeElement && root.contains(focused)
  if (moved) focused.focus({ preventScroll: true })
  return result
}

/**
 * The first of elements in order of height that ends below the top of the window.
 *
 * @param {ArrayLike<Element>} elements
 * @returns {Element | null}
 */
export function firstBelow(elements) {
  let [low, high] = [0, elements.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (elements[middle].getBoundingClientRect().bottom > 0) high = middle
    else low = middle + 1
  }
  return elements[low] ?? null
}
