"use client";

import { useEffect, useState, useSyncExternalStore } from "react";
import { chooseSharing, readSharing, startTelemetry, telemetryState, type TelemetryState } from "@/lib/telemetry";

const NOTES: Partial<Record<TelemetryState, string>> = {
  not_set_up: "Usage sharing isn't set up here.",
  refused: "The site rejects usage data from this page.",
  blocked: "Something in this browser or network blocks usage data.",
  offline: "You're offline. Usage data waits until you are back.",
  unavailable: "The site can't accept usage data now. It will be sent later.",
};

/** The person's switch: the state the site has saved, and the result of the last change. */
export default function Privacy() {
  const state = useSyncExternalStore(telemetryState.subscribe, telemetryState.get, telemetryState.onServer);
  const [shares, setShares] = useState<boolean | null>(null);
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => void startTelemetry(), []);
  useEffect(() => {
    if (state === "on" || state === "off") setShares(state === "on");
    else if (state !== null && state !== "signed_out") void readSharing().then((is) => is !== null && setShares(is));
  }, [state]);
  // Choices made in another tab, or on the site's own page.
  useEffect(() => {
    const channel = new BroadcastChannel("privacy");
    channel.onmessage = ({ data }) => {
      if (typeof data?.enabled !== "boolean") return;
      setShares(data.enabled);
      setMessage(data.message);
    };
    return () => channel.close();
  }, []);

  async function change() {
    if (busy) return;
    setBusy(true);
    const outcome = await chooseSharing(!shares);
    if (outcome.saved) setShares(outcome.enabled);
    setMessage(outcome.message);
    setBusy(false);
  }

  return (
    <>
      <h1>Privacy</h1>
      {state === "signed_out" ? (
        <p>
          You are signed out. Nothing is recorded. <a href="/sign-in/?next=/privacy">Sign in</a>
        </p>
      ) : (
        <div className="row">
          <span id="sharing">Share anonymous usage data</span>
          <button
            type="button"
            role="switch"
            aria-labelledby="sharing"
            aria-describedby="outcome"
            aria-checked={shares === true}
            aria-busy={busy}
            disabled={shares === null}
            onClick={() => void change()}
          >
            {shares ? "On" : "Off"}
          </button>
        </div>
      )}
      <p id="outcome" role="status">
        {message || (state && NOTES[state])}
      </p>
      <p>
        Rows are stored under pseudonyms. <a href="/settings/privacy/">See what is recorded and what is stored about you</a>
      </p>
    </>
  );
}
