/** As much of a text as a value has room for; what is left out says so. */
export function shortened(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  return `${text.slice(0, maxLength)}… (${text.length - maxLength} characters more)`;
}
