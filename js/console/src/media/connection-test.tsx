// Whether this browser reaches the server's media ports, and by which way.

export function ConnectionTest() {
  return null;
}
