import Addresses
import EventLoop
import Glibc
import Testing

/// Sockets that belong to an interface.
@Suite struct SocketBindingTests {
  @Test(arguments: ["lo", "127.0.0.1"])
  func whatIsTiedToAnInterfaceGoesThroughIt(name: String) throws {
    let binding = SocketBinding(name)
    #expect(binding.isUp)
    #expect(binding.device == "lo")
    #expect(binding.addresses.contains(.loopbackV4))
    let (listener, bound) = try TCP.listen(on: Endpoint(.anyV4, port: 0), through: binding)
    defer { TCP.close(listener) }
    let descriptor = try TCP.connect(to: Endpoint(.loopbackV4, port: bound.port), through: binding)
    defer { TCP.close(descriptor) }
    for socket in [listener, descriptor] { #expect(Self.device(of: socket) == "lo") }
    let (datagrams, _) = try UDPSocket.bind(to: Endpoint(.anyV4, port: 0), through: binding)
    #expect(Self.device(of: datagrams) == "lo")
    TCP.close(datagrams)
  }

  @Test(arguments: ["nosuch0", "192.0.2.77", ""])
  func noSocketIsMadeForAnInterfaceThatIsNotThere(name: String) {
    let binding = SocketBinding(name)
    #expect(!binding.isUp)
    let local = Endpoint(.loopbackV4, port: 9)
    #expect(throws: SocketError.self) { try TCP.listen(on: Endpoint(.anyV4, port: 0), through: binding) }
    #expect(throws: SocketError.self) { try TCP.connect(to: local, through: binding) }
    #expect(throws: SocketError.self) { try TCP.socket(to: local.address, through: binding) }
    #expect(throws: SocketError.self) { try UDPSocket.bind(to: Endpoint(.anyV4, port: 0), through: binding) }
  }

  @Test func aFamilyThatTheInterfaceDoesNotHaveIsNotUsed() throws {
    let binding = SocketBinding("127.0.0.1")
    #expect(throws: SocketError.self) { try TCP.listen(on: Endpoint(.anyV6, port: 0), through: binding) }
  }

  private static func device(of descriptor: Int32) -> String {
    var name = [CChar](repeating: 0, count: 16)
    var length = socklen_t(name.count)
    guard getsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, &name, &length) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
