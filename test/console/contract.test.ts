import { Code } from "@connectrpc/connect";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Binding, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { Delivery, FailureReason, Step } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { describeConsole, violations } from "./fixture.ts";
import { LOCALES } from "./keyboard.ts";
import { type ScriptedService, startScriptedService } from "./scripted.ts";

const AT = { seconds: 1_715_345_296n };
const RETRY = { retryable: true, retryDelay: { seconds: 30n } };

describeConsole("the contract on the page", (fixture) => {
  let service: ScriptedService;
  beforeAll(async () => {
    service = await startScriptedService();
  });
  afterAll(() => service?.close());

  const open = (hash: string, locale = "en-GB") => fixture.open(`${service.url}/${hash}`, { locale });

  /** The names and values of the card. */
  async function factsOf(page: Page): Promise<Record<string, string>> {
    await page.getByRole("article").waitFor();
    return Object.fromEntries(
      await page.locator("article .facts > div").evaluateAll((facts) =>
        facts.map((fact) => [fact.querySelector("dt")?.textContent, fact.querySelector("dd")?.textContent])
      ),
    );
  }

  test.each(LOCALES)("RefundCard shows every field that is set, in %s", async (locale, messages) => {
    service.script("R1", {
      refund: {
        refundNo: "R1",
        bizRefundNo: "B1",
        status: RefundStatus.SUCCEEDED,
        daxpayStatus: "success",
        replyTime: AT,
        daxpayTraceId: "T1",
        final: true,
        account: "shop",
        binding: Binding.REFUND,
        orderNo: "P1",
        channel: "wechat_pay",
        amountFen: 9_007_199_254_740_993n,
        finishTime: AT,
        errorMessage: "old <b>error</b>",
        unchangedSince: AT,
      },
    });
    const page = await open("#/refund/R1", locale);
    const { refund: labels } = messages;
    const time = expect.stringContaining("2024");
    expect(await factsOf(page)).toMatchObject({
      [labels.amount]: "¥90,071,992,547,409.93",
      [labels.channel]: "wechat_pay",
      [labels.errorMessage]: "old <b>error</b>",
      [labels.finishTime]: time,
      [labels.unchangedSince]: time,
      [labels.replyTime]: time,
      [labels.orderNo]: expect.stringContaining("P1"),
      [labels.account]: "shop",
      [labels.binding]: messages.binding[Binding.REFUND],
    });
    await page.getByText(labels.final, { exact: true }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test("RefundCard leaves out fields that are not set", async () => {
    service.script("R1", { refund: { refundNo: "R1", status: RefundStatus.IN_PROGRESS } });
    const page = await open("#/refund/R1");
    expect(Object.keys(await factsOf(page))).toEqual([
      "What to do",
      "DaxPay status",
      "DaxPay's refund number",
      "Merchant's refund number",
      "DaxPay trace ID",
    ]);
  });

  test.each(LOCALES)("RefundCard says what the signature covers when it names no refund, in %s", async (...args) => {
    const [locale, messages] = args;
    service.script("R1", { refund: { status: RefundStatus.CLOSED, final: true, binding: Binding.SECRET_ONLY } });
    const page = await open("#/refund/R1", locale);
    expect(await factsOf(page)).toMatchObject({
      [messages.refund.binding]: messages.binding[Binding.SECRET_ONLY],
      [messages.refund.next]: messages.status[RefundStatus.CLOSED].next,
    });
  });

  test.each(
    ([RefundStatus.FAILED, RefundStatus.NOT_FOUND_AT_CHANNEL, RefundStatus.SUCCEEDED, RefundStatus.CLOSED] as const)
      .flatMap((status) =>
        LOCALES.map(([locale, messages]) => [RefundStatus[status], locale, status, messages] as const)
      ),
  )("RefundCard shows %s that is not final as such, in %s", async (_name, locale, status, messages) => {
    // Without a delay: `final` alone decides.
    service.script("R1", { refund: { status } });
    const page = await open("#/refund/R1", locale);
    const texts = messages.status[status];
    const advice = texts.notFinal ?? texts;
    expect(await factsOf(page)).toMatchObject({ [messages.refund.next]: advice.next });
    await page.getByText(advice.meaning).waitFor();
    await page.getByText(messages.refund.notFinal, { exact: true }).waitFor();
    expect(await page.getByText(messages.refund.final, { exact: true }).count()).toBe(0);
  });

  test.each(LOCALES)("RefundCard marks a state that contradicts an earlier final one, in %s", async (...args) => {
    const [locale, messages] = args;
    const refund = { refundNo: "R1", orderNo: "P1", replyTime: AT, final: true };
    service.script(
      "R1",
      { refund: { ...refund, status: RefundStatus.SUCCEEDED } },
      { refund: { ...refund, status: RefundStatus.CLOSED } },
    );
    const page = await open("#/refund/R1", locale);
    const { contradiction, orderNo } = messages.refund;
    expect(await factsOf(page)).not.toHaveProperty(contradiction);
    await page.getByRole("button", { name: messages.sync.again, exact: true }).click();
    await page.getByRole("heading", { name: messages.status[RefundStatus.CLOSED].name }).waitFor();
    const text = (await factsOf(page))[contradiction];
    expect(text).toContain(messages.status[RefundStatus.SUCCEEDED].name);
    expect(text).toContain(`${orderNo}: P1`);
    await expect.poll(() => page.title()).toContain(contradiction);
    expect(await violations(page)).toEqual([]);
  });

  test.each(LOCALES)("FailureCard shows the step and explains a sync in doubt, in %s", async (locale, messages) => {
    const failure = {
      reason: FailureReason.SYNC_IN_DOUBT,
      delivery: Delivery.NOT_SENT,
      step: Step.QUERY,
      code: Code.Unavailable,
      message: "an earlier sync is in doubt",
      ...RETRY,
    };
    service.script("R1", { failure });
    const page = await open("#/refund/R1", locale);
    const texts = messages.failure[FailureReason.SYNC_IN_DOUBT];
    await page.getByRole("heading", { name: texts.title }).waitFor();
    await page.getByText(texts.meaning).waitFor();
    expect(await factsOf(page)).toMatchObject({
      [messages.failed.next]: texts.next,
      [messages.failed.step]: messages.step[Step.QUERY],
      [messages.failed.received]: messages.delivery[Delivery.NOT_SENT],
      [messages.failed.retry]: expect.stringContaining(messages.failed.retry),
      [messages.failed.code]: "Unavailable",
      [messages.failed.message]: failure.message,
    });
    expect(await violations(page)).toEqual([]);
  });

  test("FailureCard shows a reason that this page does not know as one without a reason", async () => {
    service.script("R1", { failure: { reason: 999 as FailureReason, delivery: 99 as Delivery, step: 99 as Step } });
    const page = await open("#/refund/R1");
    await page.getByRole("heading", { name: "No reason given" }).waitFor();
    expect(await factsOf(page)).toMatchObject({ Reason: "999", Delivery: "99", "Failed step": "99" });
  });

  test("TokenForm appears when a SyncFailure says that authentication failed", async () => {
    service.script("R1", {
      failure: { reason: FailureReason.UNAUTHENTICATED, code: Code.Unauthenticated, message: "missing credentials" },
    });
    const page = await open("#/refund/R1");
    await page.getByLabel("Token", { exact: true }).waitFor();
    await page.getByRole("heading", { name: "Authentication failed" }).waitFor();
  });

  test("FailureCard shows the service's message about an invalid request", async () => {
    service.script("R1", {
      failure: { reason: FailureReason.INVALID_REQUEST, code: Code.InvalidArgument, message: "client_ip: expected …" },
    });
    const page = await open("#/refund/R1");
    await expect.poll(() => page.locator("blockquote").textContent()).toBe("client_ip: expected …");
  });

  test("FailureCard breaks the lines of DaxPay's message and shows other invisible characters", async () => {
    service.script("R1", {
      failure: { reason: FailureReason.INVALID_REQUEST, daxpayMessage: "验证参数错误\n退款号不可超过100位\u200b\n" },
    });
    const page = await open("#/refund/R1");
    expect(await page.locator("blockquote").innerText()).toBe("验证参数错误\n退款号不可超过100位U+200B");
    expect(await violations(page)).toEqual([]);
  });

  test("WatchView continues after FAILED and failures until the state is final", async () => {
    service.script(
      "R1",
      {
        refund: { refundNo: "R1", status: RefundStatus.FAILED, daxpayStatus: "fail", nextSyncDelay: { seconds: 30n } },
      },
      { failure: { reason: FailureReason.SYNC_IN_DOUBT, step: Step.CONFIRM, ...RETRY } },
      { refund: { refundNo: "R1", status: RefundStatus.SUCCEEDED, daxpayStatus: "success", final: true } },
    );
    const page = await open("#/watch/R1");
    await page.getByText("The watch has ended: the state is final.").first().waitFor();
    expect(await page.getByRole("listitem").locator("strong").allTextContents())
      .toEqual(["Succeeded", "An earlier sync is in doubt", "Failed"]);
    expect(await violations(page)).toEqual([]);
  });

  test("BatchView groups every status and failure", async () => {
    service.script("R1", { refund: { refundNo: "R1", status: RefundStatus.NOT_FOUND_AT_CHANNEL } });
    service.script("R2", { refund: { refundNo: "R2", status: RefundStatus.UNKNOWN, daxpayStatus: "odd" } });
    service.script("R3", { failure: { reason: FailureReason.CIRCUIT_OPEN, ...RETRY } });
    const page = await open("#/batch");
    await page.getByLabel("Refund numbers").fill("R1\nR2\nR3");
    await page.getByRole("button", { name: "Sync 3 refunds" }).click();
    await page.getByText("All 3 done, 1 without a state.").first().waitFor();
    expect(await page.locator("td.outcome").allTextContents())
      .toEqual(["Not found at the channel", "Unknown state", "Requests to DaxPay are paused"]);
    expect(await violations(page)).toEqual([]);
  });
});
