// swift-tools-version: 6.2
import PackageDescription

// Whole swarms in virtual time, with optimisation: `make simulate`. A package of its own, so that users of
// the library never see it. Of the engine it takes only the cores that decide (links to their sources), which
// also shows that they need no socket, no clock and no C library. The swarm itself is part of the tests.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
  name: "simulation",
  targets: [
    .target(name: "Bytes", swiftSettings: strict),
    .target(name: "EventLoop", swiftSettings: strict),
    .target(name: "BitTorrent", dependencies: ["Bytes", "EventLoop"], swiftSettings: strict),
    .executableTarget(
      name: "simulate", dependencies: ["Bytes", "EventLoop", "BitTorrent"],
      swiftSettings: [
        .swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny"),
      ]),
  ]
)
