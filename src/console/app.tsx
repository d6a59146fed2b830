import { useEffect, useState } from "preact/hooks";
import type { RefundClient } from "../client.ts";
import { createFinalStates } from "./final-states.ts";
import { type Locale, MESSAGES, MessagesContext } from "./i18n/locale.ts";
import { isUnauthenticated } from "./outcome.ts";
import { Page } from "./page.tsx";
import { type Service, ServiceContext, type Settings } from "./service.ts";
import { initialLocale, type Session } from "./session.ts";

interface AppProps {
  readonly client: RefundClient;
  readonly session: Session;
  readonly settings: Promise<Settings | undefined>;
}

/** Provides every view with the messages, the service and the sign-in. */
export function App({ client, session, settings: settingsPromise }: AppProps) {
  const [locale, setLocale] = useState(() => initialLocale(session, navigator.languages));
  const [settings, setSettings] = useState<Settings>();
  const [finalStates] = useState(createFinalStates);
  const [token, setToken] = useState(session.token.get());
  const [authPrompt, setAuthPrompt] = useState<Service["authPrompt"]>();
  const [authEpoch, setAuthEpoch] = useState(0);
  const messages = MESSAGES[locale];

  useEffect(() => void settingsPromise.then(setSettings), []);
  useEffect(() => {
    document.documentElement.lang = messages.languageTag;
  }, [messages]);

  function saveToken(next: string | undefined) {
    session.token.set(next);
    setToken(next);
    setAuthPrompt(undefined);
  }

  function changeLocale(next: Locale) {
    session.locale.set(next);
    setLocale(next);
  }

  const service: Service = {
    client,
    settings,
    finalStates,
    authPrompt,
    authEpoch,
    hasToken: token !== undefined,
    handleAuthError(outcome) {
      if (isUnauthenticated(outcome)) setAuthPrompt(session.token.get() === undefined ? "missing" : "wrong");
    },
    signIn(next) {
      saveToken(next);
      setAuthEpoch(authEpoch + 1);
    },
    signOut: () => saveToken(undefined),
  };
  return (
    <MessagesContext.Provider value={messages}>
      <ServiceContext.Provider value={service}>
        <Page onLocale={changeLocale} />
      </ServiceContext.Provider>
    </MessagesContext.Provider>
  );
}
