/// Nodes at one range of distances, and some in reserve for those that fall silent (BEP 5).
struct Bucket: Sendable {
  /// Nodes that are asked and named to others, in no order.
  var contacts: [Contact] = []
  /// Nodes that answered when there was no room, the one that was heard of last at the end.
  var reserve: [Contact] = []
  /// When a look-up last went through this range, or a node came in.
  var refreshedAt: Double

  /// Puts a node in reserve, where the one that was heard of least recently gives way.
  mutating func keep(_ contact: Contact, limit: Int) {
    reserve.removeAll { $0.id == contact.id || $0.endpoint == contact.endpoint }
    if reserve.count >= limit { reserve.removeFirst() }
    reserve.append(contact)
  }
}
