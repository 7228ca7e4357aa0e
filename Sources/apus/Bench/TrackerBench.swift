import Addresses
import ArgumentParsing
import EventLoop
import Glibc
import JSON
import Synchronization
import Threads
import TrackerProtocol

/// Runs a load on a tracker: the fill, then the mix, with as many threads as are wanted.
struct TrackerBench {
  private let options: Bench
  private let population: SwarmPopulation
  private let tracker: Endpoint
  private let isUDP: Bool
  private let host: String
  private let path: String

  init(_ options: Bench, _ population: SwarmPopulation) throws(Failure) {
    self.options = options
    self.population = population
    let url = options.url
    isUDP = url.hasPrefix("udp://")
    guard isUDP || url.hasPrefix("http://") else {
      throw Failure("'\(url)' begins with neither udp:// nor http://")
    }
    let rest = url[url.index(url.startIndex, offsetBy: isUDP ? 6 : 7)...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    path = String(rest[authority.endIndex...])
    host = String(authority)
    let usualPort = isUDP ? "" : ":80"
    let hasPort = authority.last != "]" && authority.split(separator: "]").last?.contains(":") == true
    tracker = try Self.resolve(hasPort ? host : host + usualPort)
  }

  /// The first address of a host.
  private static func resolve(_ place: String) throws(Failure) -> Endpoint {
    if let endpoint = Endpoint(place) { return endpoint }
    let problem = Failure("'\(place)' is no host and port")
    guard let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]) else {
      throw problem
    }
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(String(place[..<colon]), nil, &hints, &list) == 0, let first = unsafe list else {
      throw Failure("'\(place[..<colon])' has no address")
    }
    defer { unsafe freeaddrinfo(list) }
    guard let address = unsafe IPAddress(first.pointee.ai_addr) else { throw problem }
    return Endpoint(address, port: port)
  }

  func run() throws(Failure) -> TrackerBenchReport {
    var report = TrackerBenchReport(options: options, population: population)
    if options.fillRate > 0 { report.fill = try load(rate: options.fillRate, isFill: true) }
    let before = options.process.flatMap { ProcessorTime.used(by: $0) }
    report.load = try load(rate: options.rate, isFill: false)
    if let process = options.process {
      guard let before, let after = ProcessorTime.used(by: process) else {
        throw Failure("nothing can be seen of process \(process)")
      }
      report.processorTime = Double(after - before) / 1e9
      report.memory = ProcessorTime.memory(of: process)
    }
    return report
  }

  private func load(rate: Int, isFill: Bool) throws(Failure) -> LoadResult {
    let outcome = Mutex((result: LoadResult(), problem: String?.none))
    let threads = (0..<options.threads).map { number in
      let work = work(number, rate: rate, isFill: isFill)
      return WorkerThread(name: "load \(number)") {
        do {
          let result = try work()
          outcome.withLock { $0.result.merge(result) }
        } catch {
          outcome.withLock { $0.problem = "\(error)" }
        }
      }
    }
    for thread in threads { thread.join() }
    return try outcome.withLock { outcome throws(Failure) in
      if let problem = outcome.problem { throw Failure(problem) }
      return outcome.result
    }
  }

  /// What thread `number` has to do.
  private func work(_ number: Int, rate: Int, isFill: Bool) -> @Sendable () throws -> LoadResult {
    let seed = UInt64(options.seed) &* 1000 &+ UInt64(number)
    let filling = isFill ? (first: number, step: options.threads) : nil
    let share = Double(rate) / Double(options.threads)
    if isUDP {
      let share = UDPLoadThread.Share(
        tracker: tracker, population: population, mix: options.mix, wanted: options.wanted,
        sockets: options.sockets, seed: seed, rate: share, seconds: options.duration.seconds, filling: filling
      )
      return { try UDPLoadThread.run(share) }
    }
    let http = HTTPLoadThread.Share(
      tracker: tracker, path: path, host: host, population: population, mix: options.mix,
      wanted: options.wanted,
      connections: options.sockets, isKept: !options.closes, seed: seed, rate: share,
      seconds: options.duration.seconds, filling: filling)
    return { HTTPLoadThread.run(http) }
  }
}

extension IPAddress {
  /// From the C form; `nil` for families that are not IP.
  fileprivate init?(_ address: UnsafeMutablePointer<sockaddr>?) {
    guard let address = unsafe address else { return nil }
    let family = unsafe Int32(address.pointee.sa_family)
    guard family == AF_INET || family == AF_INET6 else { return nil }
    let size = family == AF_INET ? 16 : 28
    let bytes = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: address, count: size))
    self.init(bytes, at: family == AF_INET ? 4 : 8, isV6: family == AF_INET6)
  }
}
