// The page may ask nothing of any server but its own, whatever should get onto it. Streamlit sends no such policy itself.
function policy() {
  const own = "'self' data: blob:";
  return [
    `default-src ${own} 'unsafe-inline'`,
    `script-src ${own} 'unsafe-inline' 'unsafe-eval'`,
    `connect-src ${own} ${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}`,
    "object-src 'none'",
    "frame-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
  ].join("; ");
}

export default function ({ data }) {
  if (!document.head.querySelector('meta[http-equiv="Content-Security-Policy"]')) {
    document.head.append(element("meta", { "http-equiv": "Content-Security-Policy", content: policy() }));
  }
  if (data.key) {
    const name = encodeURIComponent(data.cookie) + "=" + encodeURIComponent(data.key);
    document.cookie = name + "; path=/; max-age=31536000; samesite=strict";
  }
}
