public import Addresses
public import Digest
import EventLoop
public import MainlineDHT
import Synchronization

/// The session's DHT for embedders: searches, items and single queries.
public struct DHTHandle: Sendable {
  let service: Confined<DHTService>

  /// What a search for a swarm found.
  public struct Swarm: Sendable {
    /// The peers, in the order in which they were found.
    public let peers: [Endpoint]
    /// How the search went, with the swarm's size if that was asked for.
    public let report: SearchReport
  }

  /// What is known of the node itself.
  public struct Status: Sendable {
    /// Nodes in the routing tables.
    public var nodes = 0
    /// Our ids, of IPv4 and IPv6.
    public var ids: [NodeID] = []
    /// Our address as others see it.
    public var externalAddresses: [IPAddress] = []
    /// What others have stored with us.
    public var swarms = 0
    /// See `swarms`.
    public var peers = 0
    /// See `swarms`.
    public var items = 0
  }

  /// Waits until others are known; false if none is after `seconds`.
  public func ready(within seconds: Double) async -> Bool {
    let service = service
    return await withCheckedContinuation { (done: CheckedContinuation<Bool, Never>) in
      service.loop.post { loop in
        let once = Once(done)
        let timer = loop.timer { _ in once.resume(false) }
        timer.set(after: seconds)
        let patience = Confined(timer, on: loop)
        service.value(on: loop).whenReady(on: loop) { loop in
          patience.value(on: loop).close()
          once.resume(service.value(on: loop).isReady)
        }
      }
    }
  }

  /// Searches for peers of a swarm; with `scrape` for its size, too (BEP 33).
  public func peers(of infoHash: InfoHash, scrape: Bool = false) async -> Swarm {
    await search { dht, now in dht.findPeers(infoHash, scrape: scrape, now: now) }
  }

  /// Searches for an item (BEP 44); `salt` is that of a mutable one.
  public func item(at target: NodeID, salt: [UInt8] = []) async -> SearchReport {
    await search { dht, now in dht.findItem(target, salt: salt, now: now) }.report
  }

  /// Stores an item with the nodes nearest to it; if `expected` is given, where that is its number now.
  public func put(_ item: Item, expected: Int64? = nil) async -> SearchReport {
    await search { dht, now in dht.put(item, expected: expected, now: now) }.report
  }

  /// Searches for the nodes nearest to a point.
  public func nodes(near target: NodeID) async -> SearchReport {
    await search { dht, now in dht.findNodes(target, now: now) }.report
  }

  /// Asks one node one thing; `nil` if it does not answer within some seconds.
  public func ask(_ query: Query, _ endpoint: Endpoint) async -> Response? {
    let service = service
    return await withCheckedContinuation { (done: CheckedContinuation<Response?, Never>) in
      service.loop.post { loop in
        service.value(on: loop).ask(query, endpoint, on: loop) { _, response in
          done.resume(returning: response)
        }
      }
    }
  }

  /// What is known of the node itself.
  public func status() async -> Status {
    await service.loop.perform { loop in
      var status = Status()
      for node in service.value(on: loop).dht.nodes {
        status.nodes += node.nodeCount
        status.ids.append(node.id)
        if let address = node.externalAddress { status.externalAddresses.append(address) }
        let stored = node.stored
        status.swarms += stored.swarms
        status.peers += stored.peers
        status.items += stored.items
      }
      return status
    }
  }

  private func search(_ start: @escaping @Sendable (DHT, Double) -> RequestID) async -> Swarm {
    let service = service
    return await withCheckedContinuation { (done: CheckedContinuation<Swarm, Never>) in
      service.loop.post { loop in
        service.value(on: loop).search(start, on: loop) { _, report, peers in
          done.resume(returning: Swarm(peers: peers, report: report))
        }
      }
    }
  }
}

/// Resumes a continuation once, whoever comes first.
private final class Once: Sendable {
  private let waiting: Mutex<CheckedContinuation<Bool, Never>?>

  init(_ continuation: CheckedContinuation<Bool, Never>) { waiting = Mutex(continuation) }

  func resume(_ value: Bool) { waiting.withLock { $0.take() }?.resume(returning: value) }
}
