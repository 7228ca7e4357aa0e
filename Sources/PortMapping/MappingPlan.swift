internal import Addresses

/// What to ask of the router, and when. Sans-I/O: the time, in seconds, is passed in.
///
/// Mappings are renewed at half of their life. Where that fails they are tried again soon, then less and less often;
/// where it fails again and again the router is looked for anew, since another may be there.
struct MappingPlan {
  enum Action: Equatable {
    /// Look for a router.
    case search
    /// Map a port, if possible to `external`.
    case map(PortMapperOptions.Port, external: UInt16)
    /// Nothing until then.
    case wait(until: Double)
  }

  private struct Entry {
    let port: PortMapperOptions.Port
    var external: UInt16
    var isMapped = false
    var due = 0.0
    var failures = 0
  }

  /// Seconds between two searches: the first pause, and the longest.
  private static let searchPause = (first: 60.0, longest: 3600.0)
  private static let retryPause = (first: 15.0, longest: 900.0)
  /// Seconds between looks at mappings that the router keeps forever, unless it is restarted.
  private static let permanentLife = 3600.0
  private static let shortestLife = 30.0
  /// Failures in a row after which another router is looked for.
  private static let patience = 3

  private var entries: [Entry]
  private var hasRouter = false
  private var searchDue = 0.0
  private var searches = 0

  init(_ ports: [PortMapperOptions.Port]) {
    entries = ports.map { Entry(port: $0, external: $0.number) }
  }

  /// What to do now.
  func next(now: Double) -> Action {
    guard !entries.isEmpty else { return .wait(until: .infinity) }
    guard hasRouter else { return searchDue <= now ? .search : .wait(until: searchDue) }
    guard let first = entries.min(by: { $0.due < $1.due }) else { return .wait(until: .infinity) }
    return first.due <= now ? .map(first.port, external: first.external) : .wait(until: first.due)
  }

  /// A search has ended.
  mutating func searched(found: Bool, now: Double) {
    hasRouter = found
    guard found else {
      searchDue = now + min(Self.searchPause.first * Double(1 << min(searches, 10)), Self.searchPause.longest)
      searches += 1
      return
    }
    searches = 0
    for index in entries.indices {
      entries[index].due = now
      entries[index].failures = 0
    }
  }

  /// A port is mapped; `life` in seconds, 0 if the router does not forget it.
  mutating func mapped(_ port: PortMapperOptions.Port, to external: UInt16, life: UInt32, now: Double) {
    guard let index = entries.firstIndex(where: { $0.port == port }) else { return }
    entries[index].external = external
    entries[index].isMapped = true
    entries[index].failures = 0
    let life = life == 0 ? Self.permanentLife : Double(life)
    entries[index].due = now + max(life / 2, Self.shortestLife / 2)
  }

  /// The router refused, or did not answer.
  mutating func failed(_ port: PortMapperOptions.Port, now: Double) {
    guard let index = entries.firstIndex(where: { $0.port == port }) else { return }
    entries[index].isMapped = false
    let failures = entries[index].failures
    entries[index].failures += 1
    entries[index].due =
      now + min(Self.retryPause.first * Double(1 << min(failures, 10)), Self.retryPause.longest)
    guard entries.allSatisfy({ $0.failures >= Self.patience }) else { return }
    hasRouter = false
    searchDue = entries[index].due
  }

  /// Ports that lead to us, to be closed at the end.
  var open: [(port: PortMapperOptions.Port, external: UInt16)] {
    entries.filter(\.isMapped).map { ($0.port, $0.external) }
  }
}
