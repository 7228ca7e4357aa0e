import Addresses
import Proxy
import Testing

@testable import BitTorrent

/// What is left of a session's settings behind a proxy, and names that stand for addresses.
@Suite struct ProxyConfigurationTests {
  private func configuration(_ kind: ProxyURL.Kind) -> SessionConfiguration {
    var configuration = SessionConfiguration()
    configuration.proxies.peers = ProxyURL(kind, host: "192.0.2.1", port: 1080)
    configuration.dht.stateFile = "/nodes"
    return configuration
  }

  @Test func nothingIsLeftThatWouldGoPastAProxyForPeers() {
    let socks = configuration(.socks5).sealed
    #expect(socks.listen.isEmpty && !socks.localDiscovery && socks.usesUTP)
    #expect(socks.dht.isEnabled && socks.dht.isReadOnly && socks.dht.stateFile == "/nodes-proxy")
    let http = configuration(.http).sealed
    #expect(http.listen.isEmpty && !http.localDiscovery && !http.usesUTP && !http.dht.isEnabled)
  }

  @Test func whoAsksForItIsAwaited() {
    var asked = configuration(.socks5)
    asked.proxies.listens = true
    #expect(asked.sealed.listen == asked.listen)
  }

  @Test func aProxyForOtherUsesChangesNothing() {
    var configuration = SessionConfiguration()
    configuration.proxies.trackers = ProxyURL(.http, host: "192.0.2.1", port: 8080)
    configuration.proxies.webSeeds = configuration.proxies.trackers
    let sealed = configuration.sealed
    #expect(sealed.listen == configuration.listen && sealed.localDiscovery && sealed.usesUTP)
    #expect(sealed.dht.isEnabled && !sealed.dht.isReadOnly)
  }

  @Test func namesHaveAddressesThatLeadNowhere() throws {
    let names = NamedHosts()
    let one = try #require(names.endpoint(for: "a.example:6881"))
    let other = try #require(names.endpoint(for: "b.example:6881"))
    #expect(one.address.description == "100::1" && one != other)
    #expect(names.endpoint(for: "a.example:6882") == Endpoint(one.address, port: 6882))
    #expect(NamedHosts.isStandIn(one.address) && !NamedHosts.isStandIn(.anyV6))
    #expect(names.target(of: one) == .name("a.example", port: 6881))
    let unknown = Endpoint(try #require(IPAddress("100::7")), port: 1)
    #expect(names.target(of: unknown) == .address(unknown))
    for wrong in ["a.example", "a b:1", "a.example:x", "192.0.2.1:1"] {
      #expect(names.endpoint(for: wrong) == nil)
    }
  }

  @Test func aProxyWithoutAddressIsAnErrorThatNamesIt() async {
    var configuration = SessionConfiguration()
    configuration.proxies = ProxyConfiguration(
      all: ProxyURL(
        .socks5, host: "no.such.name.invalid", port: 1, credentials: ProxyCredentials("joe:secret")))
    let error = await #expect(throws: SessionError.self) { _ = try await Session(configuration) }
    #expect(error?.code == .proxy && error?.message.contains("no.such.name.invalid") == true)
    #expect(error?.message.contains("secret") == false)
  }
}
