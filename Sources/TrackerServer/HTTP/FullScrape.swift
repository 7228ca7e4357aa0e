import Addresses
import Digest
import HTTPServer
internal import Synchronization
import TrackerProtocol

/// A scrape of everything (BEP 48), for who wants to index a tracker: packed once in a while and handed out as it
/// is. Safe for many threads; one of them makes it, the others get the last one meanwhile.
final class FullScrape: Sendable {
  /// What to say to who asks.
  enum Answer: Equatable {
    /// Here it is, as gzip.
    case packed([UInt8])
    /// The first one is being made, or the asker had one a moment ago.
    case later
  }

  private struct State {
    var packed: [UInt8]?
    /// The lists that it was made by: others need another one.
    var lists: AccessLists?
    var madeAt: UInt32 = 0
    var isBeingMade = false
    /// When each address had one.
    var served: [IPAddress: UInt32] = [:]
  }

  /// Torrents that are taken out of the table under one lock.
  private static let budget = 512
  /// Addresses that are remembered.
  private static let maximumAddresses = 4096
  /// Bytes that are packed at once.
  private static let part = 256 << 10

  private let state = Mutex(State())

  /// The answer to an address that asks, to whom something is served: all torrents that are. Makes a new one if the last is older than `interval` seconds. An address
  /// has one in that time.
  func answer(to asker: IPAddress, core: TrackerCore, interval: Int) -> Answer {
    let now = core.clock()
    let interval = UInt32(clamping: interval)
    enum Step {
      case make, refuse
      case give([UInt8])
    }
    let lists = core.access.lists
    let step = state.withLock { state -> Step in
      if state.lists !== lists { (state.packed, state.lists) = (nil, lists) }
      if let last = state.served[asker], now &- last < interval { return .refuse }
      let isFresh = state.packed != nil && now &- state.madeAt < interval
      if !isFresh, !state.isBeingMade {
        state.isBeingMade = true
        return .make
      }
      guard let packed = state.packed else { return .refuse }
      Self.note(asker, now, interval, &state)
      return .give(packed)
    }
    switch step {
    case .refuse: return .later
    case .give(let packed): return .packed(packed)
    case .make:
      let packed = Self.make(core, lists)
      state.withLock { state in
        if state.lists === lists { state.packed = packed }
        state.madeAt = now
        state.isBeingMade = false
        Self.note(asker, now, interval, &state)
      }
      return .packed(packed)
    }
  }

  private static func note(_ asker: IPAddress, _ now: UInt32, _ interval: UInt32, _ state: inout State) {
    if state.served.count >= maximumAddresses {
      state.served = state.served.filter { now &- $0.value < interval }
      if state.served.count >= maximumAddresses { state.served.removeAll() }
    }
    state.served[asker] = now
  }

  private static func make(_ core: TrackerCore, _ lists: AccessLists?) -> [UInt8] {
    let gzip = Gzip()
    var part: [UInt8] = []
    part.reserveCapacity(Self.part + budget * 120)
    part.append(text: "d5:filesd")
    var cursor = SwarmCursor()
    var goesOn = true
    // Not in the order of the hashes, as a dictionary should be: that would need all of them at once. Readers of
    // full scrapes take any order.
    while goesOn {
      goesOn = core.table.torrents(from: &cursor, budget: budget) { hash, counts in
        guard counts.seeds + counts.leeches + counts.downloaded > 0 else { return }
        guard lists?.isServed(hash) != false else { return }
        TrackerResponder.append(hash, counts, to: &part)
      }
      guard part.count >= Self.part else { continue }
      gzip.append(part)
      part.removeAll(keepingCapacity: true)
    }
    part.append(text: "ee")
    gzip.append(part)
    gzip.finish()
    return gzip.output
  }
}
