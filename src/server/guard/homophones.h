/* Ordinary words that sound as others that lists may hold do: "dye" is not "die". What is spelled so is meant so. */
#ifndef SV_GUARD_HOMOPHONES_H
#define SV_GUARD_HOMOPHONES_H

/* clang-format off */
static const char HOMOPHONES[] =
    " aid aide ail air aisle ale all allowed aloud altar alter ant arc ark ascent assent assistance assistants"
    " ate aunt awl axe axes bail bait bald bale ball balm band banned bard bare bark baron barque barred barren"
    " base bases basis bass bate bawl bawled bawls bay beach bean beat beau beech been beer beet bell belle"
    " berry berth better bettor bier bin birth bite blew bloc block blue boar board boarder bolder bole boll"
    " bore bored born borne bough boulder bow bowl boy braid brake brayed bread break bred brewed bridal bridle"
    " broach brooch brows browse bruise bruit brute buoy burrow bury bus bussed bust but butt buy buyer by byte"
    " cache call cannon canon canvas carat carrot cash cast caste caulk caulked caulking caulks ceiling cell"
    " cellar censor cent cereal chased chaste cheap check cheque chews choir choose chord chute cite clause"
    " claws climb clime close clothes coal coarse coax colonel come comes coming complement compliment cord core"
    " corps council counsel course cousin cozen creak creek crews cruise cue curd currant current cymbal dam"
    " days daze dear deer dense dents descent desert dessert dew die died dies dike dire discreet discrete doe"
    " doer done dough draft draught dual ducked duct due duel dun dye dyed dyeing dyes dyke earn ewe ewes eye"
    " faint fair fairy fare fate feat feet feint ferry fete few file find fined fir fisher fissure flair flare"
    " flaw flea flee flew flour flower flu flue foal for fore fort forth foul four fourth fowl frays freeze"
    " friar frieze fryer fur gage gait gate gauge genes gild gilt gnu gorilla grate grease great greece groan"
    " grown guerrilla guessed guest guild guilt guise guys hail hair hale hall hangar hanger hare hart haul hay"
    " heal hear heard heart heel heir herd here heroine hew hey hi higher him hire hoar hoard hoarse hoe hoes"
    " hole holy horde horse hose hour hue hymn idle idol inn its jam jamb jeans kernel key knave knead kneed"
    " knew knight knit knot know knows lacks laid lain lane lax lay lays lead leak lean led leek lessen lesson"
    " levee levy liar lie lieu lo load loan lone loot low lute lye lyre made maid mail main maize male mall mane"
    " manner manor mantel mantle mare massed mast maul mayor maze meat medal meddle meet metal mettle might mind"
    " mined miner minor missed mist mite moan moat mode mood mooed morn morning mourn mourning mown mucous mucus"
    " muscle mussel naval navel nay need new nice night no none nose not nun oar ode one or ore our owed pail"
    " pain pair pale pane par parish passed past patience patients pause paws pea peace peak peal pear pedal"
    " peddle pee peek peel peer perish phrase pi pie piece pier pique plain plane pleas please plum plumb pole"
    " poll pooh poor pore pour praise pray prays presence presents prey prince principal principle prints profit"
    " prophet quarts quartz quay queue rain raise rap rapped rapt raw ray rays read real reed reek reel reign"
    " rein rest rhyme right ring rite road rode roe role roll rood root rote rough route row rowed rude rued"
    " ruff rung rye sail sale sane saw scene scent sea seam seaman seamen sear seas sects see seed seek seem"
    " seen seer sees seine seize sell seller sense sent serf serge serial sew shear sheer shoe shoes shoot side"
    " sighed sign sine sink site slay sleigh sleight slew slight slow soar sole some son sore sort sought soul"
    " sow spade spayed staid stair stake stare stationary stationery stayed steak steal steel step steppe stile"
    " straight strait style suede suite sum sun sundae sundry surf surge swayed sweet sync tacks tail tale"
    " taught taut tax tea team tear tease teem tees tense tents tern their there they threw throes throne"
    " through thrown throws thyme tic tick tide tied tier tighten time tire to toad toe toed told toll ton too"
    " tow towed tracked tract troop troupe turn two urn vain vale vane veil vein vial vice vile vise wade wail"
    " waist wait waive wale war ward ware wares warn warred wax way we weak wear weather week weigh weighed"
    " weight weir weld welled were wet whale what which while whine whirled whirred white who whole whys wight"
    " wine wise witch wood wore world worn worst wrap wrapped wrest wring write wrote wrung wurst yoke yolk yore"
    " you yule ";
/* clang-format on */

#endif
