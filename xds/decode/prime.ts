/** Whether a whole number is a prime. Takes about a thousand steps for one of seven digits. */
export function isPrime(number: number): boolean {
  if (number < 2 || !Number.isSafeInteger(number)) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
