// Making elements. Data only ever becomes text and attributes, never markup.

/** @typedef {Node|string|number|null|undefined|false} Child */
/**
 * Attributes by name; `class`, `data` and `on` as below, `value` and `checked` as properties. A value of `false`,
 * `null` or `undefined` leaves the attribute out, `true` makes it empty.
 * @typedef {{
 *   class?: string|null|undefined, data?: Record<string, string>, on?: Record<string, (event: any) => void>,
 *   [attribute: string]: unknown,
 * }} Properties
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...(Child|Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...(Child|Child[])} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function s(tag, properties = {}, ...children) {
  return fill(/** @type {SVGElementTagNameMap[Tag]} */ (document.createElementNS(SVG, tag)), properties, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Properties} properties
 * @param {(Child|Child[])[]} children
 */
function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [type, listener] of Object.entries(properties.on ?? {})) element.addEventListener(type, listener);
    } else if (name === "data") {
      for (const [key, text] of Object.entries(properties.data ?? {})) element.setAttribute(`data-${key}`, text);
    } else if (name === "value" || name === "checked") {
      Reflect.set(element, name, value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, children);
  return element;
}

/**
 * @param {Element} element
 * @param {(Child|Child[])[]} children
 */
export function append(element, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

/**
 * Puts these children in the place of all that an element has.
 * @param {Element} element
 * @param {...(Child|Child[])} children
 */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

let made = 0;

/**
 * An id that no other element has.
 * @param {string} [stem]
 */
export function uniqueId(stem = "id") {
  made += 1;
  return `${stem}-${made}`;
}

/** @type {Map<string, Promise<void>>} */
const styles = new Map();

/**
 * Loads css/NAME.css once; a page calls it for the style that it alone needs.
 * @param {string} name
 */
export function useStyle(name) {
  const known = styles.get(name);
  if (known) return known;
  const loaded = /** @type {Promise<void>} */ (new Promise((resolve) => {
    const link = h("link", {
      rel: "stylesheet",
      href: `css/${name}.css`,
      on: {
        load: () => resolve(),
        // A page without its style is better than none; the next visit asks again.
        error: () => { styles.delete(name); link.remove(); resolve(); },
      },
    });
    document.head.append(link);
  }));
  styles.set(name, loaded);
  return loaded;
}

/** A promise that is kept after the next frame, for what needs the layout. */
export function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}
