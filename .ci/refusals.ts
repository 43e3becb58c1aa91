/** What a release looks at. */
export interface Checkout {
  readonly branch: string;
  /** What `git status --porcelain` prints. */
  readonly changes: string;
  /** Whether the last commit is that of the branch on the server. */
  readonly isPushed: boolean;
  readonly tags: readonly string[];
  /** The version that each file says. */
  readonly versions: Readonly<Record<string, string>>;
  readonly changelog: string;
  /** Of package.json. npm proves that a package was built from there, and refuses one without. */
  readonly repository: string | undefined;
}

/** Why a version cannot be released from a checkout, a reason each. */
export function refusals(version: string, checkout: Checkout): readonly string[] {
  if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) {
    return [`expected a version, such as 0.2.0, got ${JSON.stringify(version)}`];
  }
  const { branch, changes, isPushed, tags, versions, changelog, repository } = checkout;
  const others = Object.entries(versions)
    .filter(([, own]) => own !== version)
    .map(([file, own]) => `${file} says version ${own}, not ${version}`);
  const reasons: readonly (string | false)[] = [
    branch !== "main" && `the branch is ${branch}, not main`,
    changes !== "" && `the tree is not clean:\n${changes}`,
    !isPushed && "the last commit is not that of origin's main",
    tags.includes(`v${version}`) && `the tag v${version} is there already`,
    ...others,
    !hasEntry(changelog, version) &&
    `CHANGELOG.md has no entry that begins "## ${version} - <YYYY-MM-DD>", with something below`,
    repository === undefined && "package.json has no repository, which npm's provenance names",
  ];
  return reasons.filter((reason) => reason !== false);
}

function hasEntry(changelog: string, version: string): boolean {
  const entries = changelog.split(/^## /m);
  return entries.some((entry) => {
    const [heading = "", ...lines] = entry.split("\n");
    const date = heading.startsWith(`${version} - `) ? heading.slice(version.length + 3) : "";
    return /^\d{4}-\d\d-\d\d$/.test(date) && lines.some((line) => line.startsWith("- "));
  });
}
