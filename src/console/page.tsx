import { useLayoutEffect, useState } from "preact/hooks";
import { useBatch } from "./batch/run.ts";
import { BatchView } from "./batch/view.tsx";
import { CONTENT, useFocusRecovery } from "./focus.ts";
import { RefundForm } from "./form.tsx";
import { Header } from "./header.tsx";
import { type Locale, useMessages } from "./i18n/locale.ts";
import { hashOf, type RefundRef, type Route, routeFrom } from "./route.ts";
import { useService } from "./service.ts";
import { SkipLink } from "./skip-link.tsx";
import { SyncView } from "./sync.tsx";
import { useTitle } from "./title.ts";
import { TokenForm } from "./token.tsx";
import { WatchView } from "./watch.tsx";

/** Shows the view that the address selects. */
export function Page({ onLocale }: { onLocale: (locale: Locale) => void }) {
  const messages = useMessages();
  const service = useService();
  const { route, visit, navigate } = useRoute();
  const batch = useBatch(service);
  const [list, setList] = useState("");
  const [clientIp, setClientIp] = useState("");
  useFocusRecovery();

  return (
    <>
      <SkipLink to={CONTENT}>{messages.skip}</SkipLink>
      <Header route={route} onLocale={onLocale} />
      <main id={CONTENT} tabIndex={-1} class={route.view}>
        {service.authPrompt && (
          <TokenForm key={service.authEpoch} reason={service.authPrompt} onToken={service.signIn} />
        )}
        {route.view === "batch" ? <BatchView batch={batch} text={list} onText={setList} /> : (
          <>
            <h1>{route.view === "sync" ? messages.form.syncHeading : messages.form.watchHeading}</h1>
            <RefundForm
              key={route.view}
              view={route.view}
              refundRef={route.refundRef}
              clientIp={clientIp}
              onClientIp={setClientIp}
              onSubmit={(view, refundRef) => navigate({ view, refundRef })}
              onList={(text) => {
                setList(text);
                batch.clear();
                navigate({ view: "batch" });
              }}
            />
            {route.refundRef
              ? (
                <RefundView
                  key={visit}
                  view={route.view}
                  refundRef={route.refundRef}
                  clientIp={clientIp}
                  navigate={navigate}
                />
              )
              : <EmptyView />}
          </>
        )}
      </main>
    </>
  );
}

interface RefundViewProps {
  readonly view: "sync" | "watch";
  readonly refundRef: RefundRef;
  readonly clientIp: string;
  readonly navigate: (route: Route) => void;
}

function RefundView({ view, refundRef, clientIp, navigate }: RefundViewProps) {
  const restart = () => navigate({ view, refundRef });
  return view === "watch" ? <WatchView refundRef={refundRef} clientIp={clientIp} onRestart={restart} /> : (
    <SyncView
      refundRef={refundRef}
      clientIp={clientIp}
      onRetry={restart}
      onWatch={() => navigate({ view: "watch", refundRef })}
    />
  );
}

function EmptyView() {
  useTitle("");
  return null;
}

/** The address as a route. `visit` increases with every navigation, also to the same route. */
function useRoute() {
  const [{ route, visit }, setPlace] = useState(() => ({ route: routeFrom(location.hash), visit: 0 }));
  const update = () => setPlace((before) => ({ route: routeFrom(location.hash), visit: before.visit + 1 }));
  useLayoutEffect(() => {
    const onHashChange = () => {
      // A new view starts at its top; on going back, the browser restores the position itself.
      scrollTo(0, 0);
      update();
    };
    addEventListener("hashchange", onHashChange);
    return () => removeEventListener("hashchange", onHashChange);
  }, []);

  function navigate(next: Route) {
    if (hashOf(next) === hashOf(routeFrom(location.hash))) update();
    else location.hash = hashOf(next);
  }
  return { route, visit, navigate };
}
