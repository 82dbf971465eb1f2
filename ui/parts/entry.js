export default function ({ data }) {
  const name = encodeURIComponent(data.cookie) + "=" + encodeURIComponent(data.key);
  document.cookie = name + "; path=/; max-age=31536000; samesite=strict";
}
