//! Words that open sentences and lines with a capital letter, yet are no names. English only; a word that is missing here costs an
//! entity too many, one that is here needlessly costs nothing where it stands capitalised inside a sentence.

/// Verbs, interjections, adverbs and pronouns: never a name alone, and none begins with them in running text.
const OPENERS: &str = "
absolutely accept actually add adjust agree agreed ah aha allow almost already alright although always amen anyhow anyone
anything anytime anyway apart apparently apply apologies appreciate around arrange ask asked assume attach avoid aw away awesome aww
basically become been begin believe besides better beware book bring broke build built bump buy cache bye call called came cancel
care careful certainly change changed check checked cheers choose clean clearly click close come commit compare
complete configure confirm confirmed congrats congratulations connect consider contact continue copy correct could create
created currently curious cut damn dear debug decide decided define definitely delete deploy deployed describe despite did
disable discuss discussed document done drink drop dropped dude due earlier eat edit eh else email enable encourage
enjoy ensure enter especially eventually ever every everybody everyone everything everywhere exactly except excited expect explain
explore extract fairly feed feel figure file fill finally find finish finished fix fixed follow forget found frankly
fun fyi gave generally get gets getting give given glad go goes going gone gonna good goodbye goodness gosh got gotta grab guess
guys ha haha handle happy hate hear heard hello help hence here hey hi hide hint hmm hold honestly hooray hope hopefully hoping how
huh ignore imagine implement import improve include indeed initially inside insert install instead 
interestingly introduce is join just keep kinda know known lastly later learn learned least leave leaving less lets like
likely listen literally load log lol look looking looks lot lots love loved loving luckily made mainly make makes making many
maybe mean meanwhile meet merge mention mind miss missed mostly move moved must nah name need needs never nevertheless next nice
nobody none nope normally nothing note notice now nowadays obviously obtain occasionally often ok okay omg one ones only oops open opened
order originally otherwise ouch outside pack paid paint parse pass pay perhaps pick place plan play please plus
post prefer prefers prepare press presumably pretty previously print probably proceed promise pull push put quickly quit quite rarely rather
read ready realise realize really recall recently recommend reduce refactor refuse release reminder remember remind remove removed
rename repeat replace reply report require reset resolve restart return reuse revert review rewrite rotate run running sadly said
save saw say says schedule see seem seems seen select send sent separate set several share she shipped should show similarly simply
since sleep slowly so somebody somehow someone something sometimes somewhere soon sorry speak specify start started stay still
stop stopped store submit suddenly suggest support suppose supposedly sure surely surprisingly switch take taken talk
tell tested test tests thank thankful thankfully thanks then therefore thing think thinking thought though throughout
thus thx today together told tomorrow tonight took totally transfer tried truly trust try trying turn turned typically ugh uh
um unable unfortunately unless unlike until up update updated upgrade upload use used uses using usually verify via wait waiting
walk wanna want wanted wants warn warning was wash watch wear welcome well went whatever whenever whereas wherever whether whoa
whoever why wish within without wonder wonderful wondering work worked works worry worth would wow write wrote yay yeah yep yes
yesterday yet yo yup
answer bake beat bend bet bite blow borrow bought bound breathe broken brush brought burn catch caught chose climb cook cost cover
crossed cry deal decline deliver dig draft drag draw drive drove dry fail failed fall fasten fell felt fetch fight filter
fit flash flip flush fold forgot format freeze froze grew grow hang happened hit hop hurry hurt identify increase inform inspect
invite invited keeps kept kick kiss knew laugh lay lead led lend let lift lie lie lights listed listened lived lock lose lost 
mark marked match measure mix needed noticed oil paste peel pin ping pour proved provide publish raise ran reach rebase rebuild
receive received record register reload remembers render rent repair rest retry ride roll sang scan scroll seal search seek
sell served serve shake shut sign signed sing sit skip slept slice smell sold solve sort sounds speaks spend spent split spoke spread
squash stand steal stir stood strip struck study suggested swap sweep swim tag taught teach tear thinks throw tie tighten tidy touch
track train translate travel treat trim type understand undo unplug untie uses vote wake walked weigh whisper win won woke
wrap writes
another anyways best blessed brave busy challenges cherish count even feels heres highly impressive lately lucky
refers reminds stuff tons turns various way woah woo woohoo yall
";

/// Nouns and adjectives: alone at the front of a sentence no names, but names begin with them (`New York`, `Red Cross`), and
/// inside a sentence a capital letter makes them one.
const COMMON: &str = "
access account action actor address admin advice age agenda agent air alarm alert amount animal animals app apple application article
artist assistant attention aunt author back backend backup bag balance ball bank base basic battery beach bed bees beer big bike bill
birds birthday black blue boat body bone books boss bottom box boy boys branch bread breakfast bridge brother budget bug bugs
building bus business button cake camera car card cards cars case cash cat cats cause chair chance chapter charge chat cheap
checkout chicken chief child children choice church city class client clients clock clothes cloud code codes coffee cold colleague
college color colour comment commits common communication community company computer conclusion concert config configuration
contract control conversation cool correction cost costs country couple course crazy critical cup customer customers dad daily dark
data database date daughter day days dead deadline deadlines debt decision decisions default dentist department details dev developer
developers device dinner direction director discount dishes doctor dog dogs door doors double draft drinks driver drivers dust early
earth east editor education email emails end engine engineer engineering engineers entry error errors evening event events everyday
example exams exercise experience extra eye eyes face fact family fans farm fast father favorite favourite feature features
feedback female field files film final finance fire first fish five flight flights floor flour flowers food foot football forest form
four free fresh friday friend friends front frontend fruit full funny furniture future game games garden general girl girls glass
goal goals gold grandma grandmother grandpa great green ground group guests guide guests hair half hall hand hands hard hat head health
heart heat heavy high higher history holiday holidays home homework honey horse hospital hot hotel hour hours house houses housing
human humans husband ice idea ideas image info information input inside instructions insurance internet interview inventory
invoice invoices issue issues item items job jobs journey juice junior key keys kid kids kitchen knowledge lab label lady
land language languages large late latest laundry law lawyer leader left legal lesson lessons letter letters level library life light
line lines link list lists little local location logs long low lunch mail main male man manager map march market material math meal
meals meat medicine meeting meetings member members memory men menu message messages metal metrics middle milk million minimum
minutes mission mistake model modern module modules mom moment monday money monitoring month monthly months moon morning mother
motivation mountain mountains mouse movie movies mum music natural nature neighbor neighbour neighbours network news night nights noise
north notes notification number numbers nurse office officer offline old online option options orange other output overall overview owner
package page pages paper parcel parent parents parking part parts party password passwords past patient patients payment payments peace
people person pet pets phone photo photos physical piece pilot plane planes plant plants plastic players plenty point points
police policy poor population port position possible power practice present president price prices priority private problem problems
process product production products professor profile program progress project projects proof proper public purpose quality
question questions queue quick quiet radio rain rate raw reading real reason recent recipe recipes red reference regular relationship
rent report reports request requests research reservation response rest restaurant result results rice rich right risk river road roads
role room rooms root rough rule rules safe safety salary sales salt same sample samples sand schedule school science scripts sea
season seats second secret section security senior series server servers service services session setting settings setup seven shift ship
shipping shoes shop shopping short shoulder shower side silver simple single sister site six size skin sky small snow social
software soil solution some son song songs south space special speed spicy spring staff stage staging standard star state station
status step steps stock storage stories storm story street strong student students style subject success sugar suggestions summary summer
sun supper supplier surgery swimming symptoms system systems table target task tasks tax tea teacher teachers team teams technology
teenagers temperature ten text theme things ticket tickets time times tip tips title todo tools top topic total tourists town
toys traffic training trains transport tree trees trip trouble truck tuesday uncle university user users utility vacation value
values vegetables version vet video view visitors voice volunteers walking wall walls war watching weather website week weekend
weekly weeks weight west wet white whole wife wild wind window windows wine winter women wood words workers working workout workshop
world yard year years yoga young youth zero api apis bot ci cli cpu css csv db docs faq gpu html http https id ids json mr note pdf pr
prs qa readme rpc sdk sql ssh ui url urls ux vpn xml yaml ai tv ceo cto pm am asap btw dm eta
action aim background bio context description environment goal hint observation outcome output preference preferences problem
question reminder result role speaker status summary thought tldr tool usage wip fixme hack speakers
autumn blood brick butter cabbage candle carpet cellar cement charger chimney cleaner cloth coal coat cooking cotton cream cupboard
curtain deposit desk diesel drain drawer engine eggs fabric faith fence ferry fever fog fork freight frost fuel fuse glue grass gravel hail harvest
hay heating hedge helmet hinge jam jars kettle kiln knife ladder lamp lamps laptop lid luggage mice mint mud mushrooms nails needle noon oats oil onions
oven paint petrol pipes plaster plates plums pots potatoes pump rats ripe roof rope rust sawdust scissors screws seeds sheep shelves shirts
smoke soap socks soup spare steam steel stone straw sunlight sunset tape tiles timber tomatoes towels tyres umbrella varnish
vinegar wages art basketball pottery veggies weddings strength sports wax
new true last easy fair early clear two three world live first perfect super strange sound water warm dance dream ice ring mount original interesting important wheat wheels wool yarn yeast
";

use std::sync::LazyLock;

use rustc_hash::FxHashSet;

fn set(list: &'static str) -> FxHashSet<&'static str> {
    list.split_whitespace().collect()
}

/// Whether a folded word is a verb, an interjection or the like.
pub fn is_opener(folded: &str) -> bool {
    static WORDS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| set(OPENERS));
    WORDS.contains(folded)
}

/// Whether a folded word is a noun or an adjective of every day.
pub fn is_common(folded: &str) -> bool {
    static WORDS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| set(COMMON));
    WORDS.contains(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openers_and_common_words_are_told_from_names() {
        assert!(is_opener("yeah") && is_opener("take") && is_opener("one") && !is_opener("anna"));
        assert!(is_common("user") && is_common("money") && !is_common("lisbon"));
    }
}
