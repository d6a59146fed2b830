import type { Locator, Page } from "playwright-core";
import { MESSAGES } from "../../src/console/i18n/locale.ts";

/** Every language of the page, for tests that go the same way in each: locale and messages. */
export const SPOKEN = [["en-GB", MESSAGES.en], ["zh-CN", MESSAGES.zh]] as const;

/** Presses of Tab until a control must be reached: a way that is longer is none. */
const MOST_TABS = 30;

export interface Keyboard {
  /** Moves the focus to the control by Tab, over controls that all show that they have it. */
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
      if (passed.length === MOST_TABS) throw new Error(`Found no way to ${control} by Tab, but ${passed.join(", ")}`);
      await page.keyboard.press(way === "back" ? "Shift+Tab" : "Tab");
      stop = await page.evaluate(whereFocusIs, goal);
      if (!stop.isRinged) throw new Error(`Found no ring around ${stop.name}, which has the focus`);
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

/** Runs in the page: what has the focus, whether that is the control, and whether anybody can see it. */
function whereFocusIs(control: Node | undefined) {
  const element = document.activeElement as HTMLInputElement;
  // After the last control comes the browser's own, which shows its ring outside the page.
  if (element === document.body) return { name: "the browser", isHere: false, isRinged: true };
  // A field that is out of sight lets its label show the ring.
  const isRinged = [element, ...(element.labels ?? [])].some((shown) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    const { width, height } = shown.getBoundingClientRect();
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && width > 4 && height > 4;
  });
  const name = element.getAttribute("aria-label") ?? (element.labels?.[0] ?? element).textContent;
  return { name, isHere: element === control, isRinged };
}

/** Runs in the page before its own scripts: complains when the control that has the focus vanishes with it. */
export function watchFocus(): void {
  let last: EventTarget | null = null;
  document.addEventListener("focusin", ({ target }) => last = target);
  const observer = new MutationObserver(() => setTimeout(view));
  observer.observe(document, { subtree: true, childList: true, attributeFilter: ["disabled", "hidden", "open"] });

  function view() {
    if (!(last instanceof Element) || document.activeElement !== document.body) return;
    console.error(`The focus is lost that was at ${last.outerHTML.slice(0, 100)}`);
    last = null;
  }
}
