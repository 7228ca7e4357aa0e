import Addresses

/// A node in the routing table or in reserve, and how it has been behaving. Times are in seconds.
struct Contact: Sendable {
  let address: NodeAddress
  /// When it last answered; only nodes that did are contacts.
  var answeredAt: Double
  /// When it was last heard of: an answer or a query of its own.
  var heardAt: Double
  /// Queries in a row that it has not answered.
  var failures = 0
  /// Whether its id belongs to its address (BEP 42).
  let isSecure: Bool

  init(_ address: NodeAddress, now: Double) {
    self.address = address
    answeredAt = now
    heardAt = now
    isSecure = address.id.isValid(for: address.endpoint.address)
  }

  var id: NodeID { address.id }
  var endpoint: Endpoint { address.endpoint }
}
