import { useEffect, useState } from "preact/hooks";
import { useBatch } from "./batch/run.ts";
import { BatchView } from "./batch/view.tsx";
import { NumberForm } from "./form.tsx";
import { Header } from "./header.tsx";
import { hashOf, type Named, type Route, routeFrom } from "./route.ts";
import { useService } from "./service.ts";
import { SyncView } from "./sync.tsx";
import { useTitle } from "./title.ts";
import { TokenEntry } from "./token.tsx";
import { WatchView } from "./watch.tsx";
import { type Tag, useWords } from "./words/choose.ts";

/** Shows what the address names. */
export function Page({ onLanguage }: { onLanguage: (tag: Tag) => void }) {
  const words = useWords();
  const service = useService();
  const { route, visit, go } = useRoute();
  const batch = useBatch(service);
  const [list, setList] = useState("");
  const [clientIp, setClientIp] = useState("");

  return (
    <>
      <a class="skip" href="#main" onClick={skip}>{words.skip}</a>
      <Header route={route} onLanguage={onLanguage} />
      <main id="main" tabIndex={-1} class={route.view}>
        {service.gate && <TokenEntry key={service.admission} why={service.gate} onToken={service.admit} />}
        {route.view === "batch" ? <BatchView batch={batch} text={list} onText={setList} /> : (
          <>
            <h1>{route.view === "sync" ? words.form.syncHeading : words.form.watchHeading}</h1>
            <NumberForm
              key={route.view}
              view={route.view}
              named={route.named}
              clientIp={clientIp}
              onClientIp={setClientIp}
              onGo={(view, named) => go({ view, named })}
              onList={(text) => {
                setList(text);
                batch.clear();
                go({ view: "batch" });
              }}
            />
            {route.named
              ? (
                <Named
                  key={visit}
                  view={route.view}
                  named={route.named}
                  clientIp={clientIp}
                  visit={visit || undefined}
                  go={go}
                />
              )
              : <Start />}
          </>
        )}
      </main>
    </>
  );
}

interface NamedProps {
  readonly view: "sync" | "watch";
  readonly named: Named;
  readonly clientIp: string;
  readonly visit: number | undefined;
  readonly go: (route: Route) => void;
}

function Named({ view, named, clientIp, visit, go }: NamedProps) {
  const again = () => go({ view, named });
  return view === "watch" ? <WatchView named={named} clientIp={clientIp} visit={visit} onAgain={again} /> : (
    <SyncView
      named={named}
      clientIp={clientIp}
      visit={visit}
      onAgain={again}
      onWatch={() => go({ view: "watch", named })}
    />
  );
}

/** Nothing is asked yet. */
function Start() {
  useTitle("");
  return null;
}

/** The address as a route. `visit` grows whenever one is gone to, the same one included. */
function useRoute() {
  const [{ route, visit }, setPlace] = useState(() => ({ route: routeFrom(location.hash), visit: 0 }));
  const arrive = () => setPlace((before) => ({ route: routeFrom(location.hash), visit: before.visit + 1 }));
  useEffect(() => {
    addEventListener("hashchange", arrive);
    return () => removeEventListener("hashchange", arrive);
  }, []);

  function go(next: Route) {
    if (hashOf(next) === hashOf(routeFrom(location.hash))) arrive();
    else location.hash = hashOf(next);
  }
  return { route, visit, go };
}

/** Moves the focus without leaving the address, which names the refund. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
