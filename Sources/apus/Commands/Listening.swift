import Addresses
import ArgumentParsing
import BitTorrent

/// Where a session listens.
enum Listening {
  /// The ports that BitTorrent programs traditionally use.
  private static let usualPorts: ClosedRange<UInt16> = 6881...6889

  /// Rates below this are more likely a forgotten unit than a wish.
  private static let lowestRate: Int64 = 1 << 10

  /// Refuses rates at which nothing would ever arrive.
  static func check(down: ByteCount?, up: ByteCount?) throws(UsageProblem) {
    for (option, rate) in [("--limit-down", down), ("--limit-up", up)] {
      if let rate, rate.bytes < lowestRate { throw UsageProblem("\(option): the lowest rate is 1K") }
    }
  }

  /// Refuses settings with which no peer could be reached.
  static func check(noTCP: Bool, noUTP: Bool) throws(UsageProblem) {
    if noTCP, noUTP { throw UsageProblem("--no-tcp and --no-utp: no way to any peer is left") }
  }

  /// Starts a session at the addresses given; without any, at all addresses of the machine and the first
  /// usual port that is free, or else any. `down` and `up` limit its rates, in bytes a second.
  static func session(
    at endpoints: [Endpoint], down: ByteCount? = nil, up: ByteCount? = nil, tcp: Bool = true, utp: Bool = true
  ) async throws(Failure) -> Session {
    var configuration = SessionConfiguration()
    configuration.usesTCP = tcp
    configuration.usesUTP = utp
    configuration.downloadLimit = down.map { Int($0.bytes) }
    configuration.uploadLimit = up.map { Int($0.bytes) }
    configuration.diskThreads = max(2, Process.processors)
    if !endpoints.isEmpty {
      configuration.listen = endpoints
      return try await start(configuration)
    }
    for port in usualPorts {
      configuration.listen = [Endpoint(.anyV4, port: port), Endpoint(.anyV6, port: port)]
      if let session = try? await start(configuration) { return session }
    }
    configuration.listen = [Endpoint(.anyV4, port: 0), Endpoint(.anyV6, port: 0)]
    return try await start(configuration)
  }

  private static func start(_ configuration: SessionConfiguration) async throws(Failure) -> Session {
    do throws(SessionError) {
      return try await Session(configuration)
    } catch {
      throw Failure(error.message)
    }
  }
}
