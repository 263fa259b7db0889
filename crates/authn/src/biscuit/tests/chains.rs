use super::*;

#[test]
fn agents_stand_in_the_chain_in_their_order() {
    let world = World::new();
    let token = sign(&world.alice(), &world.planner, r#"agent("planner"); delegate("executor");"#);
    assert_eq!(actors(&world.judge(&token).expect("verified")), ["planner", "executor"]);
    let token = append(&token, "check if time($t), $t < {soon};");
    let token = sign(&token, &world.executor, r#"agent("executor");"#);
    let verified = world.judge(&token).expect("verified");
    assert_eq!(actors(&verified), ["planner", "executor"]);
    assert_eq!((verified.principal().subject(), verified.end()), ("alice", Some(after(10))));
}

#[test]
fn the_mint_names_the_first_agent() {
    let world = World::new();
    let token = world.alice_with(r#"actor(0, "assistant"); delegate("planner");"#);
    assert_eq!(actors(&world.judge(&token).expect("verified")), ["assistant", "planner"]);
    let by_planner = sign(&token, &world.planner, r#"agent("planner"); delegate("executor");"#);
    assert_eq!(actors(&world.judge(&by_planner).expect("verified")), ["assistant", "planner", "executor"]);
    // Whoever was not named cannot step in.
    let by_executor = sign(&token, &world.executor, r#"agent("executor");"#);
    assert_eq!(
        world.flaw(&by_executor),
        r#"biscuit: block 1 is of the agent "executor", and the token was handed to another"#
    );
    let twice = sign(&by_planner, &world.planner, r#"agent("planner");"#);
    assert_eq!(
        world.flaw(&twice),
        r#"biscuit: block 2 is of the agent "planner", and the token was handed to another"#
    );
}

#[test]
fn an_agent_speaks_for_itself_only() {
    let world = World::new();
    let told = r#"biscuit: block 1 says it is of the agent "planner", whose key did not sign it"#;
    let planner = r#"agent("planner");"#;
    assert_eq!(world.flaw(&append(&world.alice(), planner)), told, "unsigned");
    assert_eq!(world.flaw(&sign(&world.alice(), &world.stranger, planner)), told, "unregistered key");
    assert_eq!(world.flaw(&sign(&world.alice(), &world.executor, planner)), told, "another agent's key");
    assert_eq!(
        world.flaw(&sign(&world.alice(), &world.stranger, r#"agent("stranger");"#)),
        r#"biscuit: block 1 says it is of the agent "stranger", whose key did not sign it"#
    );
    let nobody_registered =
        BiscuitVerifier { agents: Listed::given(AgentKeys::default()), ..world.verifier.clone() };
    let token = text(&sign(&world.alice(), &world.planner, planner));
    assert!(nobody_registered.judge(&token, &audience(), now()).is_err());
}

#[test]
fn a_block_names_one_agent_or_none() {
    let world = World::new();
    for code in [
        r#"agent("planner"); agent("executor");"#,
        r#"agent("planner"); delegate("executor"); delegate("planner");"#,
        r#"agent(1);"#,
        r#"agent("planner", "executor");"#,
        r#"agent("");"#,
        r#"delegate("executor");"#,
        r#"agent("planner"); delegate(1);"#,
    ] {
        let token = sign(&world.alice(), &world.planner, code);
        assert_eq!(world.flaw(&token), "biscuit: block 1 names its agent in no known way", "{code}");
    }
    // What a rule derives is no name.
    let token = sign(&world.alice(), &world.planner, r#"agent($u) <- user($u);"#);
    assert!(actors(&world.judge(&token).expect("verified")).is_empty());
}

#[test]
fn the_chain_is_bounded() {
    let world = World::new();
    let before: String =
        (0..chain::MAX_AGENTS).map(|place| format!(r#"actor({place}, "a{place}");"#)).collect();
    assert_eq!(actors(&world.judge(&world.alice_with(&before)).expect("verified")).len(), chain::MAX_AGENTS);
    let token = world.alice_with(&format!(r#"{before} delegate("planner");"#));
    assert_eq!(world.flaw(&token), "biscuit: it came through too many agents");
}

#[test]
fn unsigned_names_count_only_where_somebody_asked_for_it() {
    let world = World::new();
    let token = append(&world.alice(), r#"agent("anybody"); delegate("executor");"#);
    assert!(world.judge(&token).is_err());
    let trusting = world.verifier.clone().insecure_accept_unsigned_agents();
    let verified = trusting.judge(&text(&token), &audience(), now()).expect("verified");
    assert_eq!(actors(&verified), ["anybody", "executor"]);
    let token = append(&token, r#"agent("planner");"#);
    assert!(trusting.judge(&text(&token), &audience(), now()).is_err(), "it was handed to another");
}

#[test]
fn minted_narrowed_and_verified() {
    let mut world = World::new();
    let key = SigningKey::generate();
    world.verifier.roots = Listed::given(format!("3 {}", key.public()).parse().expect("a list"));
    let mint = Mint::new(key).key_id(3);
    let alice = Principal::new(Kind::User, "alice")
        .with_issuer("https://login.example.com")
        .with_group("finance")
        .with_scope("read")
        .with_attribute("amr", "")
        .acting_through(portcullis_core::Actor::new("assistant").with_issuer("https://agents.example"));
    let token = mint.mint(&Grant::new(&alice, SERVICE), now()).expect("minted");
    let verified = world.judge_text(token.expose(), now()).expect("verified");
    assert_eq!(*verified.principal(), alice);
    assert_eq!((verified.end(), verified.issued), (Some(after(300)), Some(after(0))));

    let narrowed = Attenuation::new()
        .expires(after(20))
        .delegate("executor")
        .sign(&token, "planner", &world.planner)
        .expect("narrowed");
    let sealed = Attenuation::new().sealed().sign(&narrowed, "executor", &world.executor).expect("narrowed");
    let verified = world.judge_text(sealed.expose(), now()).expect("verified");
    assert_eq!(
        (actors(&verified), verified.end()),
        (vec!["assistant", "planner", "executor"], Some(after(20)))
    );

    let on = Attenuation::new();
    assert_eq!(on.append(&sealed).err(), Some(AttenuationError::Sealed));
    assert_eq!(on.sign(&sealed, "planner", &world.planner).err(), Some(AttenuationError::Sealed));
    assert_eq!(on.clone().delegate("x").append(&token).err(), Some(AttenuationError::Unsigned));
    assert_eq!(on.append(&Secret::new("x")).err(), Some(AttenuationError::NoToken));
}

#[test]
fn the_mint_keeps_to_its_limits() {
    let alice = Principal::new(Kind::User, "alice");
    let mint = Mint::new(SigningKey::generate());
    let grant = || Grant::new(&alice, SERVICE);
    let end = |grant: &Grant<'_>| mint.end(grant, now()).ok().and_then(identity::at);
    assert_eq!(end(&grant()), Some(after(300)));
    assert_eq!(end(&grant().lifetime(Duration::from_secs(60))), Some(after(60)));
    assert_eq!(end(&grant().lifetime(Duration::from_secs(3601))), None);
    assert_eq!(end(&grant().not_after(after(9) + Duration::from_millis(999))), Some(after(9)));
    assert_eq!(end(&grant().not_after(now() + Duration::from_millis(100))), None);
    assert_eq!(end(&grant().not_after(SystemTime::UNIX_EPOCH)), None);
    assert!(mint.mint(&grant().delegate(&"x".repeat(20_000)), now()).is_err());
    assert!(mint.clone().lifetime(Duration::from_millis(999), Duration::from_secs(9)).is_err());
    assert!(mint.clone().lifetime(Duration::from_secs(10), Duration::from_secs(9)).is_err());
}

#[test]
fn an_agent_hands_on_to_nobody_whose_name_ends_a_line() {
    let world = World::new();
    let told = "biscuit: the name of an agent is too long, or holds control characters";
    for name in ["a\\nb", &"a".repeat(513)] {
        let token =
            sign(&world.alice(), &world.planner, &format!(r#"agent("planner"); delegate("{name}");"#));
        assert_eq!(world.flaw(&token), told, "{name}");
    }
}
