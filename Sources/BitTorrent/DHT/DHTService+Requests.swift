import Addresses
import Digest
import EventLoop
import MainlineDHT

extension DHTService {
  /// Who waits for a request of the core.
  enum Request {
    /// A torrent's announce.
    case swarm(InfoHash)
    /// Somebody outside, with the peers that were found so far.
    case search([Endpoint], (isolated Loop, SearchReport, [Endpoint]) -> Void)
    case answer((isolated Loop, Response?) -> Void)

    /// Tells who waits that nothing comes any more.
    func end(on loop: isolated Loop) {
      switch self {
      case .swarm: break
      case .search(let peers, let then): then(loop, SearchReport(), peers)
      case .answer(let then): then(loop, nil)
      }
    }
  }

  func found(_ peers: [Endpoint], by request: RequestID, on loop: isolated Loop) {
    switch requests[request] {
    case .swarm(let swarm): found(peers, in: swarm)
    case .search(let known, let then): requests[request] = .search(known + peers, then)
    default: break
    }
  }

  func finished(_ request: RequestID, _ report: SearchReport, on loop: isolated Loop) {
    switch requests.removeValue(forKey: request) {
    case .swarm(let swarm): finished(swarm, stored: report.stored, on: loop)
    case .search(let peers, let then): then(loop, report, peers)
    default: break
    }
  }

  func answered(_ request: RequestID, _ response: Response?, on loop: isolated Loop) {
    if case .answer(let then)? = requests.removeValue(forKey: request) { then(loop, response) }
  }

  /// Starts a search for somebody outside.
  func search(
    _ start: (DHT, Double) -> RequestID, on loop: isolated Loop,
    then: @escaping (isolated Loop, SearchReport, [Endpoint]) -> Void
  ) {
    guard isRunning else { return then(loop, SearchReport(), []) }
    requests[start(dht, loop.now.dhtSeconds)] = .search([], then)
    settle(on: loop)
  }

  /// Asks one node one thing.
  func ask(
    _ query: Query, _ endpoint: Endpoint, on loop: isolated Loop,
    then: @escaping (isolated Loop, Response?) -> Void
  ) {
    guard isRunning else { return then(loop, nil) }
    requests[dht.query(query, endpoint, now: loop.now.dhtSeconds)] = .answer(then)
    settle(on: loop)
  }

  /// Calls back once others are known; at once if they are.
  func whenReady(on loop: isolated Loop, _ then: @escaping (isolated Loop) -> Void) {
    if isReady || !isRunning { then(loop) } else { readers.append(then) }
  }
}
