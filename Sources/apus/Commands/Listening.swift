import Addresses
import BitTorrent

/// Where a session listens.
enum Listening {
  /// The ports that BitTorrent programs traditionally use.
  private static let usualPorts: ClosedRange<UInt16> = 6881...6889

  /// Starts a session at the addresses given; without any, at all addresses of the machine and the first
  /// usual port that is free, or else any.
  static func session(at endpoints: [Endpoint]) async throws(Failure) -> Session {
    var configuration = SessionConfiguration()
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
