import { bufCurl, type Call, curl } from "./command.ts";
import { CopyButton } from "./copy.tsx";
import { useMessages } from "./i18n/locale.ts";
import { useService } from "./service.ts";

/** The same request on the command line. Streams need buf: curl cannot frame their messages. */
export function Commands({ call }: { call: Call }) {
  const { commands } = useMessages();
  const { settings, hasToken: token } = useService();
  const http = document.baseURI.replace(/[?#].*$/, "").replace(/\/[^/]*$/, "");
  const grpc = settings && `${location.protocol}//${location.hostname}:${settings.grpcPort}`;
  return (
    <details class="commands">
      <summary>{commands.heading}</summary>
      {grpc && <Command name={commands.bufCurl} command={bufCurl(call, { baseUrl: grpc, token })} />}
      {call.method === "SyncRefund" && <Command name={commands.curl} command={curl(call, { baseUrl: http, token })} />}
      {token && <p class="note">{commands.note}</p>}
    </details>
  );
}

function Command({ name, command }: { name: string; command: string }) {
  return (
    <div class="command">
      <h3>{name}</h3>
      <pre data-copied tabIndex={0} role="region" aria-label={name} dir="ltr"><code>{command}</code></pre>
      <CopyButton text={command} what={name} />
    </div>
  );
}
