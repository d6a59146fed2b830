import { useLayoutEffect, useState } from "preact/hooks";
import { useBatch } from "./batch/run.ts";
import { BatchView } from "./batch/view.tsx";
import { CONTENT, useKeptFocus } from "./focus.ts";
import { NumberForm } from "./form.tsx";
import { Header } from "./header.tsx";
import { hashOf, type Named, type Route, routeFrom } from "./route.ts";
import { useService } from "./service.ts";
import { Skip } from "./skip.tsx";
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
  useKeptFocus();

  return (
    <>
      <Skip to={CONTENT}>{words.skip}</Skip>
      <Header route={route} onLanguage={onLanguage} />
      <main id={CONTENT} tabIndex={-1} class={route.view}>
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
              ? <Named key={visit} view={route.view} named={route.named} clientIp={clientIp} go={go} />
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
  readonly go: (route: Route) => void;
}

function Named({ view, named, clientIp, go }: NamedProps) {
  const again = () => go({ view, named });
  return view === "watch" ? <WatchView named={named} clientIp={clientIp} onAgain={again} /> : (
    <SyncView
      named={named}
      clientIp={clientIp}
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
  useLayoutEffect(() => {
    const turn = () => {
      // What stood below the fold of one view is nowhere in the next; going back, the browser restores its own place.
      scrollTo(0, 0);
      arrive();
    };
    addEventListener("hashchange", turn);
    return () => removeEventListener("hashchange", turn);
  }, []);

  function go(next: Route) {
    if (hashOf(next) === hashOf(routeFrom(location.hash))) arrive();
    else location.hash = hashOf(next);
  }
  return { route, visit, go };
}
