import chromium from "@sparticuz/chromium";
import { type Browser, chromium as driver } from "playwright-core";

/**
 * A headless Chromium. On Linux it is the one that comes with the packages; elsewhere Chrome has to be
 * installed.
 */
export async function launchBrowser(): Promise<Browser> {
  if (process.platform !== "linux") return await driver.launch({ channel: "chrome" });
  // Not the package's own arguments: they switch off what keeps sites apart, which is tested here.
  return await driver.launch({
    executablePath: await chromium.executablePath(),
    args: ["--no-sandbox", "--no-zygote", "--disable-gpu", "--font-render-hinting=none"],
  });
}
