import type { Locator, Page } from "playwright-core";
import { MESSAGES } from "../../src/console/i18n/locale.ts";

/** Every language of the page: the browser's locale and the messages. */
export const LOCALES = [["en-GB", MESSAGES.en], ["zh-CN", MESSAGES.zh]] as const;

/** Maximum number of Tab presses to reach a control. */
const MAX_TABS = 30;

export interface Keyboard {
  /** Moves the focus to the control by Tab. Every control on the way must show a focus ring. */
  to(control: Locator, way?: "forward" | "back"): Promise<void>;
  /** Moves to the control and presses Enter. */
  press(control: Locator, way?: "forward" | "back"): Promise<void>;
  /** Waits until the control has the focus. */
  at(control: Locator): Promise<void>;
  /** Fills the field that has the focus. */
  write(text: string): Promise<void>;
}

/** Drives a page without a mouse. */
export function keyboardOf(page: Page): Keyboard {
  async function to(control: Locator, way: "forward" | "back" = "forward") {
    const passed: string[] = [];
    const goal = await control.elementHandle() ?? undefined;
    for (let stop = await page.evaluate(whereFocusIs, goal); !stop.isHere;) {
      if (passed.length === MAX_TABS) throw new Error(`Expected Tab to reach ${control}, got ${passed.join(", ")}`);
      await page.keyboard.press(way === "back" ? "Shift+Tab" : "Tab");
      stop = await page.evaluate(whereFocusIs, goal);
      if (!stop.isRinged) throw new Error(`Expected a focus ring around ${stop.name}, got none`);
      passed.push(stop.name);
    }
  }
  return {
    to,
    async press(control, way) {
      await to(control, way);
      await page.keyboard.press("Enter");
    },
    at: (control) => control.and(page.locator(":focus")).waitFor(),
    async write(text) {
      await page.keyboard.press("Control+A");
      await page.keyboard.insertText(text);
    },
  };
}

/** Runs in the page: the focused element, whether it is the control, and whether it shows a focus ring. */
function whereFocusIs(control: Node | undefined) {
  const element = document.activeElement as HTMLInputElement;
  // After the last control the focus is in the browser's own interface.
  if (element === document.body) return { name: "the browser", isHere: false, isRinged: true };
  // The label of a visually hidden field shows the ring.
  const isRinged = [element, ...(element.labels ?? [])].some((shown) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    const { width, height } = shown.getBoundingClientRect();
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && width > 4 && height > 4;
  });
  const name = element.getAttribute("aria-label") ?? (element.labels?.[0] ?? element).textContent;
  return { name, isHere: element === control, isRinged };
}

/** Runs in the page before its own scripts: logs an error when the focused control is removed and the focus is lost. */
export function watchFocus(): void {
  let last: EventTarget | null = null;
  document.addEventListener("focusin", ({ target }) => last = target);
  const observer = new MutationObserver(() => setTimeout(check));
  observer.observe(document, { subtree: true, childList: true, attributeFilter: ["disabled", "hidden", "open"] });

  function check() {
    if (!(last instanceof Element) || document.activeElement !== document.body) return;
    console.error(`The focus was lost from ${last.outerHTML.slice(0, 100)}`);
    last = null;
  }
}
