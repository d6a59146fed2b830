import { bufCurl, type Call, curl } from "./command.ts";
import { CopyButton } from "./copy.tsx";
import { useService } from "./service.ts";
import { useWords } from "./words/choose.ts";

/** The call on the command line. A stream needs buf: curl alone cannot frame its messages. */
export function Commands({ call }: { call: Call }) {
  const words = useWords();
  const { settings, hasToken: token } = useService();
  const own = document.baseURI.replace(/[?#].*$/, "").replace(/\/[^/]*$/, "");
  const grpc = settings && `${location.protocol}//${location.hostname}:${settings.grpcPort}`;
  return (
    <details class="commands">
      <summary>{words.commands.heading}</summary>
      {grpc && <Command what={words.commands.bufCurl} line={bufCurl(call, { base: grpc, token })} />}
      {call.method === "SyncRefund" && <Command what={words.commands.curl} line={curl(call, { base: own, token })} />}
      {token && <p class="note">{words.commands.note}</p>}
    </details>
  );
}

function Command({ what, line }: { what: string; line: string }) {
  return (
    <div class="command">
      <h3>{what}</h3>
      <pre data-copied tabIndex={0} role="region" aria-label={what} dir="ltr"><code>{line}</code></pre>
      <CopyButton text={line} what={what} />
    </div>
  );
}
