import { useEffect, useState } from "preact/hooks";
import type { RefundClient } from "../client.ts";
import { isRefused } from "./outcome.ts";
import { Page } from "./page.tsx";
import { type Service, ServiceContext, type Settings } from "./service.ts";
import { type Session, startTag } from "./session.ts";
import { LANGUAGES, type Tag, WordsContext } from "./words/choose.ts";

interface AppProps {
  readonly client: RefundClient;
  readonly session: Session;
  readonly settings: Promise<Settings | undefined>;
}

/** Holds what every view needs: the language, the service, and the way in. */
export function App({ client, session, settings: coming }: AppProps) {
  const [tag, setTag] = useState(() => startTag(session, navigator.languages));
  const [settings, setSettings] = useState<Settings>();
  const [token, setToken] = useState(session.token.get());
  const [gate, setGate] = useState<Service["gate"]>();
  const [admission, setAdmission] = useState(0);
  const words = LANGUAGES[tag];

  useEffect(() => void coming.then(setSettings), []);
  useEffect(() => {
    document.documentElement.lang = words.locale;
  }, [words]);

  function take(next: string | undefined) {
    session.token.set(next);
    setToken(next);
    setGate(undefined);
  }

  function speak(next: Tag) {
    session.tag.set(next);
    setTag(next);
  }

  const service: Service = {
    client,
    settings,
    gate,
    admission,
    hasToken: token !== undefined,
    check: (outcome) => isRefused(outcome) && setGate(session.token.get() === undefined ? "missing" : "wrong"),
    forget: () => take(undefined),
    admit(next) {
      take(next);
      setAdmission(admission + 1);
    },
  };
  return (
    <WordsContext.Provider value={words}>
      <ServiceContext.Provider value={service}>
        <Page onLanguage={speak} />
      </ServiceContext.Provider>
    </WordsContext.Provider>
  );
}
